/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: none in a step; it is the design. The list that leads the kernel to one lock of a thread runs through the
 * memory of its other locks, and the kernel follows it for 2,048 entries.
 *
 * So the oldest of many locks are not reported, and one lock whose memory is unmapped hides all that were taken before
 * it, wherever the victim dies; and where the reaper of the OOM killer has taken the head, which is in the thread's own
 * memory, it leads nowhere.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_ROBUST_SUBJECT("list-through-locks", "broken: the way to each lock leads through the others",
                   toy_lock, toy_trylock, toy_unlock, toy_consistent)

#define FINDS(op, scenario)                                                                        \
  { op, scenario, "owner lost", NULL, NULL, TOY_NEEDS_KILL }
const struct toy_expectation heirlock_toy_expectations[] = {FINDS("lock", "many-held"),
                                                            FINDS("unlock", "many-held"),
                                                            FINDS("lock", "unmapped-while-held"),
                                                            FINDS("unlock", "unmapped-while-held"),
                                                            FINDS("lock", "oom-kill"),
                                                            FINDS("unlock", "oom-kill"),
                                                            {0}};
