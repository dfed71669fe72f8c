/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: none that the classic design could mend. This is toy/toy_robust.h as it stands, and the fault is
 * glibc bug 14485 itself: U5 comes after U3, so the thread still announces a lock that is no longer its own.
 *
 *   U1 announce   U2 unlink   U3 exchange the word for 0   U4 wake   U5 withdraw
 *                                                        [.......................]
 * Killed in the window, the kernel takes the reused word for a futex of the dead thread if it happens to
 * hold its TID, and writes OWNER_DIED over it. With a sleeper the window spans the system call of U4.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(unlock);

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_announce(lock);
  toy_unlink(lock);
  const uint32_t old = toy_release(lock);
  TOY_FAULT_BEGIN(unlock);
  toy_wake(lock, old);
  toy_withdraw();
  TOY_FAULT_END(unlock);
  return 0;
}

TOY_ROBUST_SUBJECT("pending-outlives-release", "broken as glibc bug 14485: the classic robust lock",
                   toy_lock, toy_trylock, unlock_, toy_consistent)

#define FINDS(op, scenario)                                                                        \
  { op, scenario, "corrupted", toy_fault_begin_unlock, toy_fault_end_unlock, TOY_NEEDS_KILL }
const struct toy_expectation heirlock_toy_expectations[] = {
    FINDS("unlock", "reuse-same-process"),
    FINDS("unlock", "reuse-other-process"),
    FINDS("unlock", "remap-file"),
    FINDS("unlock", "signal-in-window"),
    FINDS("unlock", "join-then-free"),
    FINDS("unlock-contended", "reuse-same-process"),
    FINDS("unlock-contended", "reuse-other-process"),
    {0}};
