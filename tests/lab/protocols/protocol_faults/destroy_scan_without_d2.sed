# SPDX-License-Identifier: Apache-2.0
# Destroy does not find the pending operations.
s/list.head.pending == node;/list.head.pending == nullptr \&\& node == nullptr;/
