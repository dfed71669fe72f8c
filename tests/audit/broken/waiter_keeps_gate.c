/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault: waiters pass a gate, one at a time, to keep count of themselves, and the gate is a plain word that
 * is on nobody's list.
 *
 *   G1 close the gate (wait while it is closed)   G2 add to the count   G3 open the gate, wake
 *                                               [............................................]
 * A waiter takes the gate before it sleeps and again when it has woken. A waiter that is killed in the
 * window leaves the gate closed: whoever waits then, sleeps there for ever, though the lock is free.
 */
#include "tests/audit/toy/toy_robust.h"

TOY_FAULT_WINDOW(gate);

enum { gate_open, gate_closed };

static uint32_t* gate_of(struct toy_lock* lock) {
  return (uint32_t*)&lock->extra[0];
}

/* Returns what the gate was. A function of its own, with no branch that the label could be copied into. */
TOY_OP uint32_t close_gate(uint32_t* gate) {
  const uint32_t old = toy_exchange_if(gate, gate_open, gate_closed);
  TOY_FAULT_BEGIN(gate);
  return old;
}

/* Right behind close_gate(), so that the window is in one piece; one copy for all who wait. */
TOY_OP void count_waiter(struct toy_lock* lock, uint64_t change) {
  uint32_t* gate = gate_of(lock);
  while (close_gate(gate) != gate_open)
    toy_futex_wait(gate, gate_closed);
  lock->extra[1] += change;
  __atomic_exchange_n(gate, gate_open, __ATOMIC_SEQ_CST);
  toy_futex_wake_all(gate);
  TOY_FAULT_END(gate);
}

/* As toy_acquire_slow(), with the count around the sleep. */
TOY_OP int acquire_counted(struct toy_lock* lock) {
  uint32_t hint = 0;
  for (;;) {
    uint32_t seen = toy_load(&lock->word);
    if (seen == TOY_NOT_RECOVERABLE) return ENOTRECOVERABLE;
    if (seen == 0) {
      if (toy_exchange_if(&lock->word, 0, toy_self.tid | hint) == 0) return 0;
      continue;
    }
    if (toy_owner_died(seen)) {
      if (toy_take_over(lock, seen, hint)) return EOWNERDEAD;
      continue;
    }
    count_waiter(lock, 1);
    if (toy_exchange_if(&lock->word, seen, seen | FUTEX_WAITERS) == seen)
      toy_futex_wait(&lock->word, seen | FUTEX_WAITERS);
    count_waiter(lock, (uint64_t)-1);
    hint = FUTEX_WAITERS;
  }
}

TOY_OP int lock_(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  if (toy_exchange_if(&lock->word, 0, toy_self.tid) != 0) result = acquire_counted(lock);
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_ROBUST_SUBJECT("waiter-keeps-gate", "broken: a killed waiter shuts out all later ones", lock_,
                   toy_trylock, toy_unlock, toy_consistent)

const struct toy_expectation heirlock_toy_expectations[] = {{"lock-contended", "waiter-asleep",
                                                             "lost wake-up", toy_fault_begin_gate,
                                                             toy_fault_end_gate, TOY_NEEDS_KILL},
                                                            {0}};
