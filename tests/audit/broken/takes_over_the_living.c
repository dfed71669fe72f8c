/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: L2 in lock() takes over whatever is not free, without a look at whether the owner is dead.
 *
 * Whoever should have slept is inside at once, beside the owner. It needs no death, so it shows wherever
 * the victim is stopped.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  uint32_t seen = toy_exchange_if(&lock->word, 0, toy_self.tid);
  if (seen == TOY_NOT_RECOVERABLE) {
    result = ENOTRECOVERABLE;
  } else if (seen != 0) {
    while (!toy_take_over(lock, seen, 0))
      seen = toy_load(&lock->word);
    result = EOWNERDEAD;
  }
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_ROBUST_SUBJECT("takes-over-the-living", "broken: does not check that the owner is dead", lock_,
                   toy_trylock, toy_unlock, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"unlock-contended", "waiter-asleep", "two owners", NULL, NULL, TOY_NEEDS_KILL}, {0}};
