# SPDX-License-Identifier: Apache-2.0
# No unlock is counted.
s/unlocking.fetch_add(1/unlocking.fetch_add(0/; s/unlocking.fetch_sub(1/unlocking.fetch_sub(0/
