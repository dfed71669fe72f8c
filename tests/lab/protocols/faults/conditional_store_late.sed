# SPDX-License-Identifier: Apache-2.0
# post_cond_store_ip after the branch: a store that succeeded is not seen.
/^\.Lpost_cond_store:/d
/jne  *\.Lpost_clear/a\.Lpost_cond_store:
