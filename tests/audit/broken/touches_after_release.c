/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: unlock() counts the acquisition in the object after it has let go. The rest is safe/spin_bell.c,
 * whose release leaves nothing for the kernel to write, so what the audit sees is this store alone.
 *
 *   U1 exchange the owner word for 0   U2 add one to the count
 *                                    [.......................]
 * A kill in the window does not show it, since the dead do not store: the thread must be stopped there
 * while another takes the lock and reuses the memory, and then go on.
 */
#include "tests/audit/toy/life_lock.h"

TOY_FAULT_WINDOW(unlock);

TOY_OP int lock_(void* object) {
  life_name owner;
  int result;
  while ((result = life_try_acquire(object, &owner)) == EBUSY)
    toy_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
  return result;
}

TOY_OP int unlock_(void* object) {
  struct life_lock* lock = object;
  if (!life_owns(lock)) return EPERM;
  life_release(lock);
  TOY_FAULT_BEGIN(unlock);
  __atomic_fetch_add(&lock->count, 1, __ATOMIC_RELAXED);
  TOY_FAULT_END(unlock);
  return 0;
}

TOY_LIFE_SUBJECT("touches-after-release", "broken: writes to the object after it has let go", lock_,
                 life_trylock, unlock_)

#define FINDS(scenario)                                                                            \
  {                                                                                                \
    "unlock", scenario, "corrupted", toy_fault_begin_unlock, toy_fault_end_unlock,                 \
        TOY_NEEDS_RESUME                                                                           \
  }
const struct toy_expectation heirlock_toy_expectations[] = {
    FINDS("reuse-same-process"), FINDS("reuse-other-process"), FINDS("remap-file"), {0}};
