/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: a recursive lock that notes its owner's TID beside the word and knows the owner by that note, which no death
 * takes away.
 *
 *   lock:    L1 announce   L2 compare-and-exchange   L3 link   L4 withdraw   L5 note the TID   return
 *                                                  [.................................................
 *   unlock:  U0 take the note away   U1 announce   U2 unlink   U3 exchange the word for 0
 *            ...........................................................................]
 * The victim dies in the window as the owner, and a later thread with its TID relocks: this lock where the note is
 * there, and else the others that the victim holds.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(lock);
TOY_FAULT_WINDOW(unlock);

/* extra[0] holds the note, extra[1] how often the owner has relocked. */
TOY_STEP void write_note(struct toy_lock* lock, uint64_t tid) {
  toy_compiler_barrier();
  __atomic_store_n(&lock->extra[0], tid, __ATOMIC_RELAXED);
  toy_compiler_barrier();
}

TOY_STEP bool is_noted(const struct toy_lock* lock) {
  return __atomic_load_n(&lock->extra[0], __ATOMIC_RELAXED) == toy_self.tid;
}

static int relock(struct toy_lock* lock) {
  ++lock->extra[1];
  return 0;
}

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  if (is_noted(lock)) return relock(lock);
  toy_announce(lock);
  int result = 0;
  const uint32_t old = toy_exchange_if(&lock->word, 0, toy_self.tid);
  TOY_FAULT_BEGIN(lock);
  if (old != 0) result = toy_acquire_slow(lock);
  if (toy_acquired(result)) {
    lock->extra[1] = 0;
    toy_link(lock);
  }
  toy_withdraw();
  if (toy_acquired(result)) write_note(lock, toy_self.tid);
  return result;
}

TOY_OP int trylock_(void* object) {
  struct toy_lock* lock = object;
  if (is_noted(lock)) return relock(lock);
  const int result = toy_trylock(lock);
  if (toy_acquired(result)) {
    lock->extra[1] = 0;
    write_note(lock, toy_self.tid);
  }
  return result;
}

TOY_OP int unlock_(void* object) {
  struct toy_lock* lock = object;
  if (!is_noted(lock)) return EPERM;
  if (lock->extra[1] > 0) {
    --lock->extra[1];
    return 0;
  }
  write_note(lock, 0);
  toy_announce(lock);
  toy_unlink(lock);
  const uint32_t old = toy_release(lock);
  TOY_FAULT_END(unlock);
  toy_wake(lock, old);
  toy_withdraw();
  return 0;
}

TOY_ROBUST_SUBJECT("knows-owner-by-noted-tid",
                   "broken: knows its owner by a TID that outlives the owner", lock_, trylock_,
                   unlock_, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {
    {"lock", "recursive-tid-reuse", "false owner", toy_fault_begin_lock, NULL, TOY_NEEDS_KILL},
    {"unlock", "recursive-tid-reuse", "false owner", NULL, toy_fault_end_unlock, TOY_NEEDS_KILL},
    {0}};
