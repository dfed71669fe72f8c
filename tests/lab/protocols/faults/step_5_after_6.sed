# SPDX-License-Identifier: Apache-2.0
# The wake comes after the clear.
/jns/,/step 5/d
/^\.Lpost_cond_store:/a\        mov     %eax, %r10d
/^\.Lpost_clear_op_pending:/a\        test    %r10d, %r10d\n        jns     .Lawake\n        mov     $RSEQ_RL_FUTEX_WAKE, %esi\n        mov     $1, %edx\n        mov     $RSEQ_RL_SYS_FUTEX_X86_64, %eax\n        syscall\n.Lawake:
