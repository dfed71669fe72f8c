# SPDX-License-Identifier: Apache-2.0
# The wake comes before the release: who is woken finds the lock taken and sleeps again.
/^\.Lpost_cond_store:/,/step 5/d
/xor  *%eax/i\        testl   $-1, (%rdi)\n        jns     .Lrelease\n        mov     $RSEQ_RL_FUTEX_WAKE, %esi\n        mov     $1, %edx\n        mov     $RSEQ_RL_SYS_FUTEX_X86_64, %eax\n        syscall\n.Lrelease:
/xchg/a\.Lpost_cond_store:
