/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: U4 goes by WAITERS as it was before U3, not as U3 found it.
 *
 *   U0 read the word   U1 announce   U2 unlink   U3 exchange the word for 0   U4 wake   U5 withdraw
 *                    [.......................................................]
 * A sleeper that sets WAITERS in the window is not woken. A kill there does not show it, as the kernel
 * goes by the word: the thread must be stopped in the window while another goes to sleep, and then go on.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(unlock);

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  const uint32_t before = toy_load(&lock->word);
  TOY_FAULT_BEGIN(unlock);
  toy_announce(lock);
  toy_unlink(lock);
  toy_release(lock);
  TOY_FAULT_END(unlock);
  toy_wake(lock, before);
  toy_withdraw();
  return 0;
}

TOY_ROBUST_SUBJECT("wake-by-stale-hint", "broken: wakes by what it read before the release",
                   toy_lock, toy_trylock, unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"unlock", "waiter-asleep", "lost wake-up", toy_fault_begin_unlock, toy_fault_end_unlock,
     TOY_NEEDS_RESUME},
    {0}};
