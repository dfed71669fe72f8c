/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a lock may add to subject.h so that a kill storm (heirlock storm) reaches more of it. All of it is optional; a
 * library that has some exports
 *
 *     const struct heirlock_storm_hooks* heirlock_subject_storm(void);
 *
 * No verdict of a storm rests on these: they make deaths of more kinds happen, and say where they happened.
 */
#ifndef HEIRLOCK_LAB_STORM_HOOKS_H
#define HEIRLOCK_LAB_STORM_HOOKS_H

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEIRLOCK_STORM_ABI 1u

/* Each counts since prepare(). */
struct heirlock_storm_counters {
  uint64_t backstop_rescues; /* a timeout was what found a wake-up or a death: must stay 0 */
  uint64_t
      stopped_predecessors; /* a timeout passed over a waiter that lives but is stopped: legal */
};

struct heirlock_storm_hooks {
  uint32_t abi; /* HEIRLOCK_STORM_ABI */

  /*
   * In place of heirlock_subject_prepare: so many threads will be alive at the same time, no more, and untimed waits
   * may look after so many milliseconds whether they were forgotten (0: never). 0, or an errno value.
   */
  int (*prepare)(uint32_t threads, uint32_t backstop_ms);
  /* Undoes thread_enter in a thread that holds nothing and lives on; thread_enter follows. */
  int (*thread_leave)(void);
  int (*counters)(struct heirlock_storm_counters* into);
  /*
   * What the thread with that TID, which is dead by now, was doing inside the lock, in the lock's own words, as far as
   * shared memory still tells; NULL otherwise. Called in the process that called prepare().
   */
  const char* (*doing)(pid_t thread);
};

#ifdef __cplusplus
}
#endif

#endif
