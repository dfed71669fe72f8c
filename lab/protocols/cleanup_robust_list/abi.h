/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system call of the proposal: cleanup_robust_list(word), called by destroy with the address of the futex word.
 * No kernel has it; the number is beyond all that are given, so that a kernel answers ENOSYS.
 */
#ifndef HEIRLOCK_LAB_CLEANUP_ROBUST_LIST_ABI_H
#define HEIRLOCK_LAB_CLEANUP_ROBUST_LIST_ABI_H

#define HEIRLOCK_SYS_CLEANUP_ROBUST_LIST 2048

#endif
