/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: U3 goes from TID to 0 by way of OWNER_DIED, "in case that we die on the way".
 *
 *   U1 announce   U2 unlink   U3a TID to OWNER_DIED   U3b OWNER_DIED to 0   U4 wake   U5 withdraw
 *                                                   [.....................]
 * In the window the word says that the owner died, yet the owner lives and has let go. Killed there, it
 * owned nothing, and the next owner is told of a death all the same.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(unlock);

TOY_STEP uint32_t release_by_way_of_death(struct toy_lock* lock) {
  const uint32_t released = lock->inconsistent ? TOY_NOT_RECOVERABLE : 0;
  const uint32_t old = __atomic_exchange_n(&lock->word, FUTEX_OWNER_DIED, __ATOMIC_SEQ_CST);
  TOY_FAULT_BEGIN(unlock);
  /* Somebody who took over in between keeps the lock. */
  toy_exchange_if(&lock->word, FUTEX_OWNER_DIED, released);
  TOY_FAULT_END(unlock);
  return old;
}

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_announce(lock);
  toy_unlink(lock);
  toy_wake(lock, release_by_way_of_death(lock));
  toy_withdraw();
  return 0;
}

TOY_ROBUST_SUBJECT("marks-live-owner", "broken: reports the death of an owner that let go",
                   toy_lock, toy_trylock, unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {{"unlock", "owner-killed",
                                                             "false death", toy_fault_begin_unlock,
                                                             toy_fault_end_unlock, TOY_NEEDS_KILL},
                                                            {0}};
