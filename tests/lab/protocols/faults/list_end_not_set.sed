# SPDX-License-Identifier: Apache-2.0
# The first entry is never told of: a list that is cut at its head has no other end.
s/if (first) set_last(&node);/(void)first;/
