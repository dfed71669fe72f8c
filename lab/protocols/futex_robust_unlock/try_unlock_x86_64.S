/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The try-unlock for x86-64; abi.h describes the head, robust_unlock_release.hpp has the steps. Between .Lbegin and .Lend
 * the zero flag says whether the exchange has succeeded, and rdx holds the address of the pending operation: the
 * kernel completes step 4 from these two.
 */
#include "lab/protocols/futex_robust_unlock/abi.h"

        .text
        .balign HEIRLOCK_TRY_UNLOCK_ALIGNMENT
.Lhead:
        .quad   HEIRLOCK_TRY_UNLOCK_MAGIC
        .long   .Lbegin - .Lhead
        .long   .Lend - .Lhead
        .globl  heirlock_robust_try_unlock
        .hidden heirlock_robust_try_unlock
        .type   heirlock_robust_try_unlock, @function
heirlock_robust_try_unlock:                     /* rdi word, esi tid, rdx pending */
        .cfi_startproc
        mov     %esi, %eax
        xor     %ecx, %ecx
        lock cmpxchg %ecx, (%rdi)               /* step 3: bus lock, hence release order */
.Lbegin:
        jne     .Lend
        movq    $0, (%rdx)                      /* step 4 */
.Lend:
        ret
        .cfi_endproc
        .size   heirlock_robust_try_unlock, . - heirlock_robust_try_unlock
        .org    .Lhead + HEIRLOCK_TRY_UNLOCK_LONGEST /* the assembler refuses when it is longer */

        .section .note.GNU-stack, "", @progbits
