/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: U4 is missing.
 *
 *   U1 announce   U2 unlink   U3 exchange the word for 0   U5 withdraw   return
 *                                                                      [.......
 * The sleeper sleeps on for ever. Killed between U3 and U5, the kernel wakes it in the dead thread's
 * place; so the fault begins to show behind U5 only, and does not end.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(unlock);

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_announce(lock);
  toy_unlink(lock);
  toy_release(lock);
  toy_withdraw();
  TOY_FAULT_BEGIN(unlock);
  return 0;
}

TOY_ROBUST_SUBJECT("wake-never-sent", "broken: the release wakes nobody", toy_lock, toy_trylock,
                   unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {{"unlock-contended", "waiter-asleep",
                                                             "lost wake-up", toy_fault_begin_unlock,
                                                             NULL, TOY_NEEDS_KILL},
                                                            {0}};
