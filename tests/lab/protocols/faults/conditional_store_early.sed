# SPDX-License-Identifier: Apache-2.0
# post_cond_store_ip before the compare-and-swap: the flags there are those of an older instruction.
/^\.Lpost_cond_store:/d
/cmpxchg/i\.Lpost_cond_store:
