/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: the list of held locks is registered for the first thread of a process alone.
 *
 *   L1 announce   L2 exchange the word for the TID   L3 link   L4 withdraw   ... and until the unlock
 *                                                  [...................................
 * Another thread that ends in the window while its process lives on is not reported; the lock stays taken.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);

static int enter(void) {
  const int error = toy_thread_enter();
  if (error != 0 || toy_self.tid == (uint32_t)toy_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0))
    return error;
  return (int)-toy_syscall(SYS_set_robust_list, 0, sizeof toy_self.head, 0, 0, 0, 0);
}

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

TOY_ROBUST_SUBJECT_ENTERED(enter, "first-thread-only",
                           "broken: only the first thread of a process has a list", lock_,
                           toy_trylock, toy_unlock, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"lock", "thread-exit-holding", "owner lost", toy_fault_begin_lock, NULL, TOY_NEEDS_KILL}, {0}};
