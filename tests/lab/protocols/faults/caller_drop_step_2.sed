# SPDX-License-Identifier: Apache-2.0
# The lock stays on the list after it has been given away.
/\/\/ 2$/d
