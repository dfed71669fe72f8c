# SPDX-License-Identifier: Apache-2.0
# No pending operation: between the unlink and the release nothing leads the kernel to the lock.
/\/\/ 1$/d
