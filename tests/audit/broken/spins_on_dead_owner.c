/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: lock() spins until the word is 0 and does not know of OWNER_DIED.
 *
 *   lock:    L1 announce   L2 compare-and-exchange   L3 link   L4 withdraw   return
 *                                                  [...............................
 *   unlock:  U1 announce   U2 unlink   U3 exchange the word for 0
 *            .....................................................]
 * The victim dies as the owner, the kernel marks the word, and the next one spins for ever.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);
TOY_FAULT_WINDOW(unlock);

TOY_OP int acquire_spinning(struct toy_lock* lock) {
  for (;;) {
    const uint32_t seen = toy_exchange_if(&lock->word, 0, toy_self.tid);
    if (seen == 0) return 0;
    if (seen == TOY_NOT_RECOVERABLE) return ENOTRECOVERABLE;
    toy_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
  }
}

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  const uint32_t old = toy_exchange_if(&lock->word, 0, toy_self.tid);
  TOY_FAULT_BEGIN(lock);
  if (old != 0) result = acquire_spinning(lock);
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
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

TOY_ROBUST_SUBJECT("spins-on-dead-owner", "broken: waits for a dead owner to unlock", lock_,
                   toy_trylock, unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"lock", "owner-killed", "stuck", toy_fault_begin_lock, NULL, TOY_NEEDS_KILL},
    {"unlock", "owner-killed", "stuck", NULL, toy_fault_end_unlock, TOY_NEEDS_KILL},
    {0}};
