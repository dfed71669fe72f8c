/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: an owner leaves a note in the object, a pointer to a counter, and who takes over adds one to that
 * counter without a look at whether the dead owner got as far as writing the note, or had taken it away.
 *
 *   lock:    L1 announce   L2 compare-and-exchange   L3' write the note   L3 link   L4 withdraw
 *                                                  [....................]
 *   unlock:  U1 announce   U2' take the note away   U2 unlink   U3 exchange the word for 0
 *                                                 [.......................................]
 * The victim dies in the window as the owner, and the survivor that is told crashes.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);
TOY_FAULT_WINDOW(unlock);

/* extra[0] holds the note, extra[1] the counter: in the object, at one address for every process. */
TOY_STEP void write_note(struct toy_lock* lock, uint64_t* note) {
  toy_compiler_barrier();
  __atomic_store_n(&lock->extra[0], (uint64_t)(uintptr_t)note, __ATOMIC_RELAXED);
  toy_compiler_barrier();
}

static void count_death(struct toy_lock* lock) {
  ++*(volatile uint64_t*)(uintptr_t)lock->extra[0];
}

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  const uint32_t old = toy_exchange_if(&lock->word, 0, toy_self.tid);
  TOY_FAULT_BEGIN(lock);
  if (old != 0) result = toy_acquire_slow(lock);
  if (result == EOWNERDEAD) count_death(lock);
  if (toy_acquired(result)) {
    write_note(lock, &lock->extra[1]);
    TOY_FAULT_END(lock);
    toy_link(lock);
  }
  toy_withdraw();
  return result;
}

TOY_OP int trylock_(void* object) {
  struct toy_lock* lock = object;
  const int result = toy_trylock(lock);
  if (result == EOWNERDEAD) count_death(lock);
  if (toy_acquired(result)) write_note(lock, &lock->extra[1]);
  return result;
}

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_announce(lock);
  write_note(lock, NULL);
  TOY_FAULT_BEGIN(unlock);
  toy_unlink(lock);
  const uint32_t old = toy_release(lock);
  TOY_FAULT_END(unlock);
  toy_wake(lock, old);
  toy_withdraw();
  return 0;
}

TOY_ROBUST_SUBJECT("trusts-dead-owners-note",
                   "broken: follows a pointer that the dead owner may not have set", lock_,
                   trylock_, unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"lock", "owner-killed", "crashed", toy_fault_begin_lock, toy_fault_end_lock, TOY_NEEDS_KILL},
    {"unlock", "owner-killed", "crashed", toy_fault_begin_unlock, toy_fault_end_unlock,
     TOY_NEEDS_KILL},
    {0}};
