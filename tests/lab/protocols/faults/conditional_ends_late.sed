# SPDX-License-Identifier: Apache-2.0
# post_clear_op_pending_ip one instruction too late. Harmless: nothing is pending there.
/^\.Lpost_clear_op_pending:/d
/step 7/a\.Lpost_clear_op_pending:
