/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unlock transaction for AArch64 with load-exclusive and store-exclusive (any ARMv8).
 *
 * Between post_cond_store_ip and post_success_ip the lock is released or not, depending on the status register
 * of the store-exclusive. No ABI says which register that is: this implementation fixes w9 (lab/kernel/cpu_state.cpp
 * states it once for the kernel's side, and a test compares it with the encoding of the instruction).
 * The steps are numbered as in transaction.h.
 */
#include "lab/protocols/rseq_rl_cs/rseq_rl_cs.h"
#include "lab/protocols/rseq_rl_cs/transaction.h"

        .text
        .globl  heirlock_rseq_rl_unlock
        .hidden heirlock_rseq_rl_unlock
        .type   heirlock_rseq_rl_unlock, %function
        .balign 16
heirlock_rseq_rl_unlock:                        /* x0 word, x1 pending, x2 field */
        .cfi_startproc
        mov     x5, x1                          /* the system call preserves all but x0 */
        mov     x6, x2
        adrp    x3, .Ldescriptor
        add     x3, x3, :lo12:.Ldescriptor
        str     x3, [x6]                        /* step 3 */
.Lagain:
        ldxr    w4, [x0]
        stlxr   w9, wzr, [x0]                   /* step 4: release order */
.Lpost_cond_store:
        cbnz    w9, .Lagain
.Lpost_success:
        tbz     w4, #RSEQ_RL_FUTEX_WAITERS_BIT, .Lclear
        mov     w1, #RSEQ_RL_FUTEX_WAKE
        mov     w2, #1
        mov     w8, #RSEQ_RL_SYS_FUTEX_AARCH64
        svc     #0                              /* step 5 */
.Lclear:
        str     xzr, [x5]                       /* step 6 */
.Lpost_clear_op_pending:
        str     xzr, [x6]                       /* step 7 */
        ret
        .cfi_endproc
        .size   heirlock_rseq_rl_unlock, . - heirlock_rseq_rl_unlock

        .section __rseq_rl_cs, "aw", %progbits
        .balign RSEQ_RL_CS_SIZE
.Ldescriptor:
        .long   RSEQ_RL_CS_VERSION, RSEQ_RL_CS_FLAGS_KNOWN
        .quad   .Lpost_cond_store
        .quad   .Lpost_success
        .quad   .Lpost_clear_op_pending

        .section .note.GNU-stack, "", %progbits
