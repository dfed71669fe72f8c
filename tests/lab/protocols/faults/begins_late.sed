# SPDX-License-Identifier: Apache-2.0
# post_cond_store_ip and post_success_ip one instruction too late.
/^\.Lpost_cond_store:/d
/test  *%eax/a\.Lpost_cond_store:
