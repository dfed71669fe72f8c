/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: L2 in lock() takes over whatever is not free, without a look at whether the owner is dead.
 *
 *   L1 announce   L2a load the word   L2b put the own TID in its place   L3 link   L4 withdraw
 *                                                                    [.....................
 * Whoever should have slept is inside at once, beside the owner. It needs no death: it has happened as soon as L2b
 * is executed while another holds the lock. Where the scenario itself lets somebody wait, it happens before the victim
 * has done anything (unlock-contended), which is charged to no kill point of the victim.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  const uint32_t seen = toy_exchange_if(&lock->word, 0, toy_self.tid);
  if (seen == TOY_NOT_RECOVERABLE) {
    result = ENOTRECOVERABLE;
  } else if (seen != 0) {
    __atomic_exchange_n(&lock->word, toy_self.tid | FUTEX_WAITERS, __ATOMIC_SEQ_CST);
    TOY_FAULT_BEGIN(lock);
    lock->inconsistent = 1;
    result = EOWNERDEAD;
  }
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_ROBUST_SUBJECT("takes-over-the-living", "broken: does not check that the owner is dead", lock_,
                   toy_trylock, toy_unlock, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"lock-contended", "waiter-asleep", "two owners", toy_fault_begin_lock, NULL, TOY_NEEDS_KILL},
    {0}};
