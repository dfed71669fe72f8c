# SPDX-License-Identifier: Apache-2.0
# post_cond_store_ip and post_success_ip before the exchange.
/^\.Lpost_cond_store:/d
/xchg/i\.Lpost_cond_store:
