# SPDX-License-Identifier: Apache-2.0
# Unlock announces nothing.
/\/\/ 1$/d
