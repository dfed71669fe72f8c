/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: U4 wakes one sleeper only, as glibc's unlock does, and leaves it to the kernel to hand the wake-up on if that one
 * dies.
 *
 *   L2a load the word   L2b set WAITERS   sleep   L2c exchange 0 for the own TID, with WAITERS   L3 link   L4 withdraw
 *                                              [..........................................]
 * Between its wake-up and L2c the word is 0, and says nothing of those who sleep on. A death there is made up for by the
 * kernel as long as the word stays 0: the lock is announced and has no owner, so the kernel wakes another one. If a newcomer
 * has taken the lock meanwhile the kernel does nothing (before 6d4514ca9cdf), and the newcomer's unlock finds no WAITERS.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);

TOY_STEP int acquire_slow(struct toy_lock* lock) {
  for (;;) {
    uint32_t seen = toy_load(&lock->word);
    if (seen == TOY_NOT_RECOVERABLE) return ENOTRECOVERABLE;
    if (toy_owner_died(seen)) {
      if (toy_take_over(lock, seen, FUTEX_WAITERS)) return EOWNERDEAD;
      continue;
    }
    if (seen != 0) {
      if (!(seen & FUTEX_WAITERS) &&
          toy_exchange_if(&lock->word, seen, seen | FUTEX_WAITERS) != seen)
        continue;
      toy_futex_wait(&lock->word, seen | FUTEX_WAITERS);
      TOY_FAULT_BEGIN(lock);
    }
    seen = toy_exchange_if(&lock->word, 0, toy_self.tid | FUTEX_WAITERS);
    TOY_FAULT_END(lock);
    if (seen == 0) return 0;
  }
}

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  if (toy_exchange_if(&lock->word, 0, toy_self.tid) != 0) result = acquire_slow(lock);
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_announce(lock);
  toy_unlink(lock);
  if (toy_release(lock) & FUTEX_WAITERS)
    toy_syscall(SYS_futex, (long)&lock->word, FUTEX_WAKE, 1, 0, 0, 0);
  toy_withdraw();
  return 0;
}

TOY_ROBUST_SUBJECT("wakes-one", "broken: wakes one sleeper, whose death can swallow the wake-up",
                   lock_, toy_trylock, unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"lock-contended", "woken-waiter-killed", "lost wake-up", toy_fault_begin_lock,
     toy_fault_end_lock, TOY_NEEDS_KILL},
    {0}};
