/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unlock transaction for x86-64. An exchange cannot fail, so post_success_ip is post_cond_store_ip.
 * The steps are numbered as in transaction.h.
 */
#include "lab/protocols/rseq_rl_cs/rseq_rl_cs.h"
#include "lab/protocols/rseq_rl_cs/transaction.h"

        .text
        .globl  heirlock_rseq_rl_unlock
        .hidden heirlock_rseq_rl_unlock
        .type   heirlock_rseq_rl_unlock, @function
        .balign 16
heirlock_rseq_rl_unlock:                        /* rdi word, rsi pending, rdx field */
        .cfi_startproc
        mov     %rsi, %r8                       /* the system call preserves r8 and r9 */
        mov     %rdx, %r9
        lea     .Ldescriptor(%rip), %rax
        mov     %rax, (%r9)                     /* step 3 */
        xor     %eax, %eax
        xchg    %eax, (%rdi)                    /* step 4: implies the bus lock, hence release order */
.Lpost_cond_store:
        test    %eax, %eax                      /* FUTEX_WAITERS is the sign */
        jns     .Lclear
        mov     $RSEQ_RL_FUTEX_WAKE, %esi
        mov     $1, %edx
        mov     $RSEQ_RL_SYS_FUTEX_X86_64, %eax
        syscall                                 /* step 5: a futex operation never reads through the word */
.Lclear:
        movq    $0, (%r8)                       /* step 6 */
.Lpost_clear_op_pending:
        movq    $0, (%r9)                       /* step 7 */
        ret
        .cfi_endproc
        .size   heirlock_rseq_rl_unlock, . - heirlock_rseq_rl_unlock

        .section __rseq_rl_cs, "aw", @progbits
        .balign RSEQ_RL_CS_SIZE
.Ldescriptor:
        .long   RSEQ_RL_CS_VERSION, RSEQ_RL_CS_FLAGS_KNOWN
        .quad   .Lpost_cond_store
        .quad   .Lpost_cond_store
        .quad   .Lpost_clear_op_pending

        .section .note.GNU-stack, "", @progbits
