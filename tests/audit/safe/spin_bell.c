/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spin-bell: the owner is named by its life word (toy/life.h); who waits spins and looks at that word.
 *
 * Lock
 *   L1 compare-and-exchange the owner word, 0 for our name: done if it was 0
 *   L2 the owner's life is over: compare-and-exchange its name for ours, told EOWNERDEAD
 *   L3 the owner lives: give up the processor, and again from L1
 * Unlock
 *   U1 exchange the owner word for 0 (or NOT_RECOVERABLE)
 *
 * Why it is sound wherever a thread is killed:
 *  - before L1 or L2 has been executed, the lock does not know of the thread, and no state is left;
 *  - behind L1 or L2 and before U1, the owner word names the thread. The kernel marks its life word, which
 *    is on its robust list since thread_enter, and whoever looks takes over. Exactly one can: the name is
 *    never used again, so a compare-and-exchange from it succeeds once;
 *  - L2 looks at the life word first and exchanges the owner word after. Between the two another may take
 *    over and even unlock, and then the exchange fails. The dead name cannot come back;
 *  - behind U1 nothing of the thread refers to the object: no announcement, no list, no wake-up. The kernel
 *    writes to the life word alone, and that is not the user's memory and is never used again;
 *  - nobody sleeps, so no wake-up can be lost, and a spinner sees the death when the kernel has marked it.
 */
#include "tests/audit/toy/life_lock.h"

TOY_OP int spin_lock(void* object) {
  life_name owner;
  int result;
  while ((result = life_try_acquire(object, &owner)) == EBUSY)
    toy_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
  return result;
}

TOY_OP int spin_unlock(void* object) {
  struct life_lock* lock = object;
  if (!life_owns(lock)) return EPERM;
  life_release(lock);
  return 0;
}

TOY_LIFE_SUBJECT("spin-bell", "sound: the owner's life word tells of its death; waiters spin",
                 spin_lock, life_trylock, spin_unlock)

const struct toy_expectation heirlock_toy_expectations[] = {{0}};
