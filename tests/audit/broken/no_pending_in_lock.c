/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: L1 and L4 are missing.
 *
 *   L2 compare-and-exchange the word   L3 link
 *                                    [.........]
 * Killed in the window, the word names the dead thread, and the kernel has no way to know.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);
TOY_FAULT_WINDOW(trylock);

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  int result = 0;
  const uint32_t old = toy_exchange_if(&lock->word, 0, toy_self.tid);
  TOY_FAULT_BEGIN(lock);
  if (old != 0) result = toy_acquire_slow(lock);
  if (toy_acquired(result)) toy_link(lock);
  TOY_FAULT_END(lock);
  return result;
}

TOY_OP int trylock_(void* object) {
  struct toy_lock* lock = object;
  int result = 0;
  const uint32_t old = toy_exchange_if(&lock->word, 0, toy_self.tid);
  TOY_FAULT_BEGIN(trylock);
  if (old != 0) result = toy_try_acquire_slow(lock);
  if (toy_acquired(result)) toy_link(lock);
  TOY_FAULT_END(trylock);
  return result;
}

TOY_ROBUST_SUBJECT("no-pending-in-lock", "broken: an acquisition is not announced", lock_, trylock_,
                   toy_unlock, toy_consistent)

#define FINDS(op, scenario, at)                                                                    \
  { #op, scenario, "owner lost", toy_fault_begin_##at, toy_fault_end_##at, TOY_NEEDS_KILL }
const struct toy_expectation heirlock_toy_expectations[] = {
    FINDS(lock, "owner-killed", lock),
    FINDS(lock, "killed-while-locking", lock),
    FINDS(trylock, "owner-killed", trylock),
    FINDS(trylock, "killed-while-locking", trylock),
    {0}};
