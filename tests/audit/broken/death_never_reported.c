/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: L2 on a dead owner's word takes over and returns 0.
 *
 *   lock:    L1 announce   L2 compare-and-exchange   L3 link   L4 withdraw   return
 *                                                  [...............................
 *   unlock:  U1 announce   U2 unlink   U3 exchange the word for 0
 *            .....................................................]
 * The victim dies as the owner, and nobody is told.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);
TOY_FAULT_WINDOW(unlock);

static int hush(struct toy_lock* lock, int result) {
  if (result != EOWNERDEAD) return result;
  lock->inconsistent = 0;
  return 0;
}

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  const uint32_t old = toy_exchange_if(&lock->word, 0, toy_self.tid);
  TOY_FAULT_BEGIN(lock);
  if (old != 0) result = hush(lock, toy_acquire_slow(lock));
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_OP int trylock_(void* object) {
  return hush(object, toy_trylock(object));
}

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

TOY_ROBUST_SUBJECT("death-never-reported", "broken: takes over from the dead and says nothing",
                   lock_, trylock_, unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"lock", "owner-killed", "owner lost", toy_fault_begin_lock, NULL, TOY_NEEDS_KILL},
    {"unlock", "owner-killed", "owner lost", NULL, toy_fault_end_unlock, TOY_NEEDS_KILL},
    {0}};
