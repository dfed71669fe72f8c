/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: a trylock that fails does not withdraw its announcement (L4 is missing there).
 *
 * The thread may go on for long with the announcement of a lock that it never had. Its next operation replaces it; but
 * when the lock's owner, another thread, exits and is joined, the memory gets another use at once, and the process
 * ends, the kernel marks a word of that memory that holds the TID of the thread that failed.
 *
 * Shown by a joiner that has tried the lock while the victim held it: from behind L2 of the victim's lock on.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  const uint32_t seen = toy_exchange_if(&lock->word, 0, toy_self.tid);
  TOY_FAULT_BEGIN(lock);
  if (seen != 0) result = toy_acquire_slow(lock);
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_OP int trylock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  if (toy_exchange_if(&lock->word, 0, toy_self.tid) != 0) result = toy_try_acquire_slow(lock);
  if (!toy_acquired(result)) return result;
  toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_ROBUST_SUBJECT("failed-trylock-stays-announced",
                   "broken: a trylock that fails leaves its announcement", lock_, trylock_,
                   toy_unlock, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"lock", "join-then-free", "corrupted", toy_fault_begin_lock, NULL, TOY_NEEDS_KILL}, {0}};
