/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unlock transaction, in the numbered steps that the assembler forms, the audit's reports and
 * docs/rseq_rl_cs.md share. Steps 1 and 2 are the caller's (robust_list/robust_mutex.hpp):
 *
 *   1. pending = &lock->node          from here on the kernel looks at this lock if the thread dies
 *   2. unlink lock->node              the robust list no longer leads to it
 *   3. area->rseq_rl_cs = descriptor
 *   4. old = exchange(lock->word, 0)  RELEASES, with release order: the lock may now be taken, destroyed and
 *                                     its memory reused by anybody      <- post_cond_store_ip, post_success_ip
 *   5. if old has FUTEX_WAITERS: futex(lock->word, FUTEX_WAKE, 1)
 *   6. pending = 0                                                      <- post_clear_op_pending_ip
 *   7. area->rseq_rl_cs = 0
 *
 * The wake stands before step 6 on purpose: once the pending operation is cleared, nothing is left from
 * which a kernel could learn that a wake is owed (docs/rseq_rl_cs.md).
 */
#ifndef HEIRLOCK_LAB_RSEQ_RL_CS_TRANSACTION_H
#define HEIRLOCK_LAB_RSEQ_RL_CS_TRANSACTION_H

/* Constants of the kernel's interface that the assembler forms need. */
#define RSEQ_RL_FUTEX_WAKE 1
#define RSEQ_RL_FUTEX_WAITERS_BIT 31
#define RSEQ_RL_SYS_FUTEX_X86_64 202
#define RSEQ_RL_SYS_FUTEX_AARCH64 98

#ifndef __ASSEMBLER__

#include "lab/protocols/rseq_rl_cs/rseq_rl_cs.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Steps 3 to 7. The form is picked by the build: transaction_<architecture>[_<variant>].S, one descriptor
 * each in section __rseq_rl_cs.
 *   word     the lock word, which the calling thread owns
 *   pending  the list_op_pending of the calling thread's robust list head
 *   field    the rseq_rl_cs of the calling thread's registered area
 */
void heirlock_rseq_rl_unlock(uint32_t* word, void* pending, uint64_t* field)
    __attribute__((visibility("hidden")));

/* All descriptors that are linked in; the linker makes these names from the section's. */
extern const struct rseq_rl_cs __start___rseq_rl_cs[] __attribute__((visibility("hidden")));
extern const struct rseq_rl_cs __stop___rseq_rl_cs[] __attribute__((visibility("hidden")));

#ifdef __cplusplus
}
#endif

#endif /* __ASSEMBLER__ */
#endif
