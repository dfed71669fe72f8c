# SPDX-License-Identifier: Apache-2.0
# The hazard pointer is never set.
s/store(node,/store(node == nullptr ? node : before,/
