/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Linux 7.2 has for the unlock of a robust lock, and how the lab's own try-unlock tells a supervisor what a kernel
 * knows of its vDSO.
 *
 * A head stands directly before the routine:
 *     magic   8 bytes
 *     begin   4 bytes   from the head to the instruction after the exchange
 *     end     4 bytes   from the head to the instruction after the clear of the pending operation
 */
#ifndef HEIRLOCK_LAB_FUTEX_ROBUST_UNLOCK_ABI_H
#define HEIRLOCK_LAB_FUTEX_ROBUST_UNLOCK_ABI_H

/* A flag of FUTEX_WAKE; the pending operation's address is the fifth argument. */
#ifndef FUTEX_ROBUST_UNLOCK
#define FUTEX_ROBUST_UNLOCK 512
#endif

#define HEIRLOCK_TRY_UNLOCK_MAGIC 0x4b434f4c4e555254 /* "TRUNLOCK" in memory */
#define HEIRLOCK_TRY_UNLOCK_BEGIN_OFFSET 8
#define HEIRLOCK_TRY_UNLOCK_END_OFFSET 12
#define HEIRLOCK_TRY_UNLOCK_HEAD_SIZE 16
#define HEIRLOCK_TRY_UNLOCK_ALIGNMENT 16
/* The routine ends before that many bytes after its head. */
#define HEIRLOCK_TRY_UNLOCK_LONGEST 64

#ifndef __ASSEMBLER__
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * word: tid -> 0, and then *pending = 0. Returns what the word was: tid, or something else, and then nothing was
 * changed. The type is that of the vDSO's __vdso_futex_robust_list64_try_unlock.
 */
uint32_t heirlock_robust_try_unlock(uint32_t* word, uint32_t tid, uint64_t* pending)
    __attribute__((visibility("hidden")));

#ifdef __cplusplus
}
#endif
#endif

#endif
