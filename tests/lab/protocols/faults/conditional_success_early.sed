# SPDX-License-Identifier: Apache-2.0
# post_success_ip before the branch: the success rule is never asked.
/^\.Lpost_success:/d
/jne  *\.Lpost_clear/i\.Lpost_success:
