/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: U4 and U5 have changed places (the order of musl's unlock).
 *
 *   U1 announce   U2 unlink   U3 exchange the word for 0   U5 withdraw   U4 wake
 *                                                                      [........]
 * Killed in the window, the lock is free, and the kernel does not know that a wake-up is owed.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(unlock);

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_announce(lock);
  toy_unlink(lock);
  const uint32_t old = toy_release(lock);
  toy_withdraw();
  TOY_FAULT_BEGIN(unlock);
  toy_wake(lock, old);
  TOY_FAULT_END(unlock);
  return 0;
}

TOY_ROBUST_SUBJECT("wake-after-pending", "broken: wakes after it has withdrawn the announcement",
                   toy_lock, toy_trylock, unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {{"unlock-contended", "waiter-asleep",
                                                             "lost wake-up", toy_fault_begin_unlock,
                                                             toy_fault_end_unlock, TOY_NEEDS_KILL},
                                                            {0}};
