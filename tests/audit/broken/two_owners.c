/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: L2 in lock() is a load and a store, not a compare-and-exchange.
 *
 *   L1 announce   L2a load the word   L2b if it was 0, store the TID   L3 link   L4 withdraw
 *                                   [................................]
 * Two threads in the window both get the lock. A kill there does not show it, since the dead do not store:
 * the thread must be stopped in the window while another takes the lock, and then go on.
 * A kill shows the consequence. Another thread stands in the window as the victim takes the lock and
 * dies as its owner, behind L2b; the other then stores its TID over that of the victim, and nobody is told.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  const uint32_t seen = toy_load(&lock->word);
  TOY_FAULT_BEGIN(lock);
  if (seen == 0) {
    __atomic_store_n(&lock->word, toy_self.tid, __ATOMIC_RELEASE);
    TOY_FAULT_END(lock);
  } else {
    result = toy_acquire_slow(lock);
  }
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_ROBUST_SUBJECT("two-owners", "broken: looks, and then takes", lock_, toy_trylock, toy_unlock,
                   toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {{"lock", "waiter-asleep", "two owners",
                                                             toy_fault_begin_lock,
                                                             toy_fault_end_lock, TOY_NEEDS_RESUME},
                                                            {0}};
