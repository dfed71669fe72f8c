/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: here a told owner keeps OWNER_DIED in the word beside its TID, and U3 takes away the TID and
 * WAITERS only, so that the mark outlives its recovery.
 *
 *   lock:    L1 announce   L2 compare-and-exchange   L3 link   L4 withdraw   return
 *                                                  [...............................
 *   unlock:  U1 announce   U2 unlink   U3 exchange the word for 0
 *            .....................................................]
 * The victim dies as the owner. The next one is told, recovers and unlocks; and the one after it is told of
 * the same death again.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);
TOY_FAULT_WINDOW(unlock);

static int keep_mark(struct toy_lock* lock, int result) {
  if (result == EOWNERDEAD) __atomic_fetch_or(&lock->word, FUTEX_OWNER_DIED, __ATOMIC_SEQ_CST);
  return result;
}

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  const uint32_t old = toy_exchange_if(&lock->word, 0, toy_self.tid);
  TOY_FAULT_BEGIN(lock);
  if (old != 0) result = keep_mark(lock, toy_acquire_slow(lock));
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_OP int trylock_(void* object) {
  return keep_mark(object, toy_trylock(object));
}

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_announce(lock);
  toy_unlink(lock);
  const uint32_t kept =
      lock->inconsistent ? TOY_NOT_RECOVERABLE : toy_load(&lock->word) & FUTEX_OWNER_DIED;
  const uint32_t old = __atomic_exchange_n(&lock->word, kept, __ATOMIC_SEQ_CST);
  TOY_FAULT_END(unlock);
  toy_wake(lock, old);
  toy_withdraw();
  return 0;
}

TOY_ROBUST_SUBJECT("reports-death-twice", "broken: the mark of a death outlives its recovery",
                   lock_, trylock_, unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"lock", "owner-killed", "false death", toy_fault_begin_lock, NULL, TOY_NEEDS_KILL},
    {"unlock", "owner-killed", "false death", NULL, toy_fault_end_unlock, TOY_NEEDS_KILL},
    {0}};
