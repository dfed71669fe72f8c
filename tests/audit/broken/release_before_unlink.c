/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: U2 comes last, so the object stays on the thread's list after it was let go.
 *
 *   U1 announce   U3 exchange the word for 0   U4 wake   U5 withdraw   U2 unlink
 *                                            [...................................]
 * Killed in the window, the kernel walks the list through memory that is no longer a lock. Behind U5
 * it marks the reused word. Between U3 and U5 it skips the node, since that is the one announced, reads
 * a next pointer made of TIDs and gives up there: this half of the window does no harm on Linux 6.18, by
 * luck alone, and where the reused memory holds a readable pointer the walk goes on from it. So the labels are
 * around the other half.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(unlock);

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_announce(lock);
  const uint32_t old = toy_release(lock);
  toy_wake(lock, old);
  toy_withdraw();
  TOY_FAULT_BEGIN(unlock);
  toy_unlink(lock);
  TOY_FAULT_END(unlock);
  return 0;
}

TOY_ROBUST_SUBJECT("release-before-unlink", "broken: taken off the list after the release",
                   toy_lock, toy_trylock, unlock_, toy_consistent)

#define FINDS(op, scenario)                                                                        \
  { op, scenario, "corrupted", toy_fault_begin_unlock, toy_fault_end_unlock, TOY_NEEDS_KILL }
const struct toy_expectation heirlock_toy_expectations[] = {FINDS("unlock", "reuse-same-process"),
                                                            FINDS("unlock", "reuse-other-process"),
                                                            FINDS("unlock", "remap-file"),
                                                            FINDS("unlock", "signal-in-window"),
                                                            {0}};
