# SPDX-License-Identifier: Apache-2.0
# post_clear_op_pending_ip before the clear; a failed release leads where it led.
/^\.Lpost_clear_op_pending:/i\.Lfailed:
/^\.Lpost_clear_op_pending:/d
s/jne  *\.Lpost_clear_op_pending/jne     .Lfailed/
/step 6/i\.Lpost_clear_op_pending:
