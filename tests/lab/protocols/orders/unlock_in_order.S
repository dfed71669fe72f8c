/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All seven steps of the unlock (transaction.h), those of the caller too, in the order that ORDER gives: 1,2,3,4,5,6,7 is
 * the right one. Step 5 goes by the word that the exchange returned, or that was there at the beginning if it comes
 * before the exchange.
 */
#include "lab/protocols/rseq_rl_cs/rseq_rl_cs.h"
#include "lab/protocols/rseq_rl_cs/transaction.h"

        .macro step_1
        lea     8(%rdi), %rax
        mov     %rax, 16(%r8)
        .endm
        .macro step_2
        mov     8(%rdi), %rax                   /* node->next */
        mov     16(%rdi), %rcx                  /* node->back */
        mov     %rax, (%rcx)
        cmp     %rax, %r8
        je      .Lunlinked
        mov     %rcx, 8(%rax)
.Lunlinked:
        .endm
        .macro step_3
        lea     .Ldescriptor(%rip), %rax
        mov     %rax, (%r9)
        .endm
        .macro step_4
        xor     %eax, %eax
        xchg    %eax, (%rdi)
.Lpost_cond_store:
        mov     %eax, %r10d
        .endm
        .macro step_5
        test    %r10d, %r10d
        jns     .Lawake
        mov     $RSEQ_RL_FUTEX_WAKE, %esi
        mov     $1, %edx
        mov     $RSEQ_RL_SYS_FUTEX_X86_64, %eax
        syscall
.Lawake:
        .endm
        .macro step_6
        movq    $0, 16(%r8)
.Lpost_clear_op_pending:
        .endm
        .macro step_7
        movq    $0, (%r9)
        .endm

        .text
        .globl  heirlock_unlock_in_order
        .hidden heirlock_unlock_in_order
        .type   heirlock_unlock_in_order, @function
        .balign 16
heirlock_unlock_in_order:                       /* rdi word, rsi list head, rdx field */
        .cfi_startproc
        mov     %rsi, %r8
        mov     %rdx, %r9
        mov     (%rdi), %r10d
        .irp    step, ORDER
        step_\step
        .endr
        ret
        .cfi_endproc
        .size   heirlock_unlock_in_order, . - heirlock_unlock_in_order

        .section __rseq_rl_cs, "aw", @progbits
        .balign RSEQ_RL_CS_SIZE
.Ldescriptor:
        .long   RSEQ_RL_CS_VERSION, RSEQ_RL_CS_FLAGS_KNOWN
        .quad   .Lpost_cond_store
        .quad   .Lpost_cond_store
        .quad   .Lpost_clear_op_pending

        .section .note.GNU-stack, "", @progbits
