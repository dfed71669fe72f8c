# SPDX-License-Identifier: Apache-2.0
# Unlinked before it is announced.
/\/\/ 2$/d
/\/\/ 1$/i\    list.unlink(node_);
