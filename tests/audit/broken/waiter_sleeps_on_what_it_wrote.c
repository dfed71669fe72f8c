/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: a waiter sets WAITERS with an or, not with a compare-and-exchange, and then sleeps on whatever the word has become.
 *
 *   L2a load the word: it names an owner   L2b or WAITERS into it   L2c sleep if it is still what L2b made of it
 *                                        [.....................]
 * If the owner releases or dies in the window, nobody is woken: WAITERS is not set yet. L2b then sets it in a word that is
 * free, or that says OWNER_DIED, and L2c sleeps on that.
 *
 * No kill point of one thread shows it. A waiter that is killed in the window leaves a stale hint, which is legal; one that
 * goes on finds the owner where it was, for nobody else has moved; and an owner that is killed finds waiters asleep, or
 * not there yet. A second actor must stand in the window as the owner lets go or dies.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);

TOY_STEP int wait_and_acquire(struct toy_lock* lock) {
  uint32_t hint = 0;
  for (;;) {
    uint32_t seen = toy_load(&lock->word);
    TOY_FAULT_BEGIN(lock);
    if (seen == TOY_NOT_RECOVERABLE) return ENOTRECOVERABLE;
    if ((seen & ~(uint32_t)FUTEX_WAITERS) == 0) {
      if (toy_exchange_if(&lock->word, seen, toy_self.tid | seen | hint) == seen) return 0;
      continue;
    }
    if (toy_owner_died(seen)) {
      if (toy_take_over(lock, seen, hint)) return EOWNERDEAD;
      continue;
    }
    seen = __atomic_fetch_or(&lock->word, FUTEX_WAITERS, __ATOMIC_SEQ_CST) | FUTEX_WAITERS;
    TOY_FAULT_END(lock);
    toy_futex_wait(&lock->word, seen);
    hint = FUTEX_WAITERS;
  }
}

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  if (toy_exchange_if(&lock->word, 0, toy_self.tid) != 0) result = wait_and_acquire(lock);
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_ROBUST_SUBJECT("waiter-sleeps-on-what-it-wrote", "broken: sets the hint for waiters unseen",
                   lock_, toy_trylock, toy_unlock, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"lock", "waiter-asleep", "lost wake-up", toy_fault_begin_lock, toy_fault_end_lock,
     TOY_NEEDS_SECOND},
    {"unlock", "waiter-asleep", "lost wake-up", toy_fault_begin_lock, toy_fault_end_lock,
     TOY_NEEDS_SECOND},
    {0}};
