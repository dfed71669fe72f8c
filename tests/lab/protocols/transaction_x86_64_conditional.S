/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for load-linked and store-conditional on x86-64: the release is a compare-and-swap that fails, in
 * the contended unlock always once, because it first expects a word without FUTEX_WAITERS. So the instruction
 * between post_cond_store_ip and post_success_ip is reached with and without success, and the rule of the
 * kernel's side (ZF) decides. A failure leads behind the range, as where a compiler puts the unlikely path behind
 * the likely one: to the instruction at post_clear_op_pending_ip, which for that reason is reached with a pending
 * operation too. The steps are numbered as in transaction.h.
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
        mov     %rsi, %r8
        mov     %rdx, %r9
        lea     .Ldescriptor(%rip), %rax
        mov     %rax, (%r9)                     /* step 3 */
        xor     %ecx, %ecx
        mov     (%rdi), %eax
        btr     $RSEQ_RL_FUTEX_WAITERS_BIT, %eax
.Lagain:
        lock cmpxchg %ecx, (%rdi)               /* step 4 */
.Lpost_cond_store:
        jne     .Lpost_clear_op_pending
.Lpost_success:
        test    %eax, %eax
        jns     .Lclear
        mov     $RSEQ_RL_FUTEX_WAKE, %esi
        mov     $1, %edx
        mov     $RSEQ_RL_SYS_FUTEX_X86_64, %eax
        syscall                                 /* step 5 */
.Lclear:
        cmp     %eax, %eax                      /* says behind the clear that the release did not fail */
        movq    $0, (%r8)                       /* step 6 */
.Lpost_clear_op_pending:
        jne     .Lagain
        movq    $0, (%r9)                       /* step 7 */
        ret
        .cfi_endproc
        .size   heirlock_rseq_rl_unlock, . - heirlock_rseq_rl_unlock

        .section __rseq_rl_cs, "aw", @progbits
        .balign RSEQ_RL_CS_SIZE
.Ldescriptor:
        .long   RSEQ_RL_CS_VERSION, RSEQ_RL_CS_FLAGS_KNOWN
        .quad   .Lpost_cond_store
        .quad   .Lpost_success
        .quad   .Lpost_clear_op_pending

        .section .note.GNU-stack, "", @progbits
