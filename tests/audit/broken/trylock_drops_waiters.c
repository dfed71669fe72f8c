/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: a trylock that finds the lock held rewrites the word without WAITERS.
 *
 *   L1 announce   L2 compare-and-exchange fails   L2' word without WAITERS   L4 withdraw   return EBUSY
 *                                                                          [..........................
 * The owner then wakes nobody, and who slept before the trylock sleeps on. It needs no death: it shows from
 * L2' on, wherever the victim is killed.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(trylock);

TOY_OP int trylock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  const uint32_t seen = toy_exchange_if(&lock->word, 0, toy_self.tid);
  if (seen != 0) {
    result = toy_try_acquire_slow(lock);
    /* Fails where a dead owner was found and taken over from: the word is no longer what was seen. */
    toy_exchange_if(&lock->word, seen, seen & ~(uint32_t)FUTEX_WAITERS);
    TOY_FAULT_BEGIN(trylock);
  }
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_ROBUST_SUBJECT("trylock-drops-waiters", "broken: a trylock that fails hides the sleepers",
                   toy_lock, trylock_, toy_unlock, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"trylock-contended", "waiter-asleep", "lost wake-up", toy_fault_begin_trylock, NULL,
     TOY_NEEDS_KILL},
    {0}};
