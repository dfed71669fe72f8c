# SPDX-License-Identifier: Apache-2.0
# Destroy does not wait.
/\/\/ D2$/d
