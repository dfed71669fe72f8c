# SPDX-License-Identifier: Apache-2.0
# post_success_ip one instruction too late. Harmless: only success leads there, and its ZF is still in place.
/^\.Lpost_success:/d
/test  *%eax/a\.Lpost_success:
