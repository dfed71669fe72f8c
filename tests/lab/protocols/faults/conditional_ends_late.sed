# SPDX-License-Identifier: Apache-2.0
# post_clear_op_pending_ip one instruction too late: behind the instruction that a failed release leads to.
/^\.Lpost_clear_op_pending:/i\.Lfailed:
/^\.Lpost_clear_op_pending:/d
s/jne  *\.Lpost_clear_op_pending/jne     .Lfailed/
/jne  *\.Lagain/a\.Lpost_clear_op_pending:
