/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: L2 on a dead owner's word stores the bare TID, as if nobody else slept.
 *
 * The kernel wakes one sleeper at a death. That one takes over, and lets go without a wake-up: a second
 * sleeper sleeps on for ever. The victim is the owner, so it shows as long as the word names it:
 *
 *   unlock:  U1 announce   U2 unlink   U3 exchange the word for 0
 *            .....................................................]
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(unlock);

/* As toy_acquire_slow(), but for the fault. */
TOY_OP int acquire_forgetful(struct toy_lock* lock) {
  uint32_t hint = 0;
  for (;;) {
    uint32_t seen = toy_load(&lock->word);
    if (seen == TOY_NOT_RECOVERABLE) return ENOTRECOVERABLE;
    if (seen == 0) {
      if (toy_exchange_if(&lock->word, 0, toy_self.tid | hint) == 0) return 0;
      continue;
    }
    if (toy_owner_died(seen)) {
      if (toy_exchange_if(&lock->word, seen, toy_self.tid) != seen) continue;
      lock->inconsistent = 1;
      return EOWNERDEAD;
    }
    if (toy_exchange_if(&lock->word, seen, seen | FUTEX_WAITERS) == seen)
      toy_futex_wait(&lock->word, seen | FUTEX_WAITERS);
    hint = FUTEX_WAITERS;
  }
}

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  if (toy_exchange_if(&lock->word, 0, toy_self.tid) != 0) result = acquire_forgetful(lock);
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

/* The sound unlock, with a label where the victim stops to be the owner. */
TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_announce(lock);
  toy_unlink(lock);
  const uint32_t old = toy_release(lock);
  TOY_FAULT_END(unlock);
  toy_wake(lock, old);
  toy_withdraw();
  return 0;
}

TOY_ROBUST_SUBJECT("takeover-drops-waiters", "broken: who takes over forgets the other sleepers",
                   lock_, toy_trylock, unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {{"unlock-contended", "owner-killed",
                                                             "lost wake-up", NULL,
                                                             toy_fault_end_unlock, TOY_NEEDS_KILL},
                                                            {0}};
