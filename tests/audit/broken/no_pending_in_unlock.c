/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: U1 and U5 are missing.
 *
 *   U2 unlink   U3 exchange the word for 0   U4 wake
 *             [............................][........]
 *               owner                         wake
 * Killed in "owner", the word names the dead thread, and the kernel has no way to know.
 * Killed in "wake", the lock is free, and the kernel does not know that a wake-up is owed.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(owner);
TOY_FAULT_WINDOW(wake);

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_unlink(lock);
  TOY_FAULT_BEGIN(owner);
  const uint32_t old = toy_release(lock);
  TOY_FAULT_END(owner);
  TOY_FAULT_BEGIN(wake);
  toy_wake(lock, old);
  TOY_FAULT_END(wake);
  return 0;
}

TOY_ROBUST_SUBJECT("no-pending-in-unlock", "broken: a release is not announced", toy_lock,
                   toy_trylock, unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"unlock", "owner-killed", "owner lost", toy_fault_begin_owner, toy_fault_end_owner,
     TOY_NEEDS_KILL},
    {"unlock-contended", "waiter-asleep", "owner lost", toy_fault_begin_owner, toy_fault_end_owner,
     TOY_NEEDS_KILL},
    {"unlock-contended", "waiter-asleep", "lost wake-up", toy_fault_begin_wake, toy_fault_end_wake,
     TOY_NEEDS_KILL},
    {0}};
