# SPDX-License-Identifier: Apache-2.0
# Unlinked when it belongs to others.
/\/\/ 2$/d
/\/\/ 3 to 7$/a\    list.unlink(node_);
