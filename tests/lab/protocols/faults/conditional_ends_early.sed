# SPDX-License-Identifier: Apache-2.0
# post_clear_op_pending_ip before the clear.
/^\.Lpost_clear_op_pending:/d
/step 6/i\.Lpost_clear_op_pending:
