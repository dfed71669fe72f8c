/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A robust lock in the classic style: a futex word that holds the owner's TID, and a list of held locks
 * that the kernel walks when the thread dies (see Documentation/locking/robust-futexes).
 *
 * The word:
 *   0                        free
 *   TID                      held, nobody sleeps
 *   TID | WAITERS            held, and somebody may sleep
 *   OWNER_DIED [| WAITERS]   the owner died; the next thread takes the lock and is told
 *   NOT_RECOVERABLE          a told owner unlocked without toy_consistent(); never again usable
 *
 * WAITERS is a hint: stale set is legal and costs a system call, stale clear loses a wake-up.
 *
 * Lock                                   Unlock
 *   L1 announce the pending operation      U1 announce the pending operation
 *   L2 compare-and-exchange the word       U2 take the node off the list
 *   L3 put the node on the list            U3 exchange the word for 0 (or NOT_RECOVERABLE)
 *   L4 withdraw the announcement           U4 if WAITERS was set, wake
 *                                          U5 withdraw the announcement
 *
 * A death after L2 or before U3 finds the lock on the list or announced, and the word naming the dead
 * thread: the kernel exchanges the word for OWNER_DIED and wakes one sleeper. A death between U3 and U5
 * finds it announced with no owner: the kernel wakes one sleeper, and so replaces U4.
 * Between U3 and U5 the announcement outlives the ownership. Any other thread may take, destroy and
 * reuse the memory by then; this is glibc bug 14485, which this design cannot avoid and which
 * broken/pending_outlives_release.c shows.
 *
 * U4 wakes every sleeper. Each re-examines the word, so that the death of one of them cannot swallow the
 * others' wake-up. A thread that has slept takes the lock with WAITERS set, since the kernel wakes one
 * sleeper only and others may sleep on.
 *
 * Order: the kernel walks the list as part of the dying thread's own execution, so the order of list
 * stores against the word is program order; compiler barriers are enough. Between threads, L2 acquires
 * what U3 released.
 *
 * Each toy composes these steps; a toy with a fault in one step writes that step itself.
 */
#ifndef HEIRLOCK_TOY_ROBUST_H
#define HEIRLOCK_TOY_ROBUST_H

#include "tests/audit/toy/toy.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "toy_syscall.h"

struct toy_lock {
  uint32_t word;
  /* Written by the owner alone: it was told of a death and has not yet called toy_consistent(). */
  uint32_t inconsistent;
  struct robust_list node;
  /* For the toys that keep something more in the object. */
  uint64_t extra[2];
};
_Static_assert(sizeof(struct toy_lock) == 32, "every word of the object is accounted for");
_Static_assert(offsetof(struct toy_lock, word) == 0, "a destroyed lock is reused from its word on");

#define TOY_NOT_RECOVERABLE ((uint32_t)FUTEX_TID_MASK)

/*
 * Initial-exec: the address of the thread's head is fs plus a constant, with no call into the loader
 * that would add kill points of its own.
 */
struct toy_thread {
  struct robust_list_head head;
  uint32_t tid;
};
static __thread struct toy_thread toy_self __attribute__((tls_model("initial-exec")));

#define toy_compiler_barrier() __asm__ volatile("" ::: "memory")

/* Also after fork(): the child has a copy of its parent's head, but neither its TID nor a registration. */
static int toy_thread_enter(void) {
  toy_self.head.list.next = &toy_self.head.list;
  toy_self.head.futex_offset =
      (long)offsetof(struct toy_lock, word) - (long)offsetof(struct toy_lock, node);
  toy_self.head.list_op_pending = NULL;
  toy_self.tid = (uint32_t)toy_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
  return (int)-toy_syscall(SYS_set_robust_list, (long)&toy_self.head, sizeof toy_self.head, 0, 0, 0,
                           0);
}

/* One store, which stays where it is among the thread's own loads and stores. */
TOY_STEP void toy_store(struct robust_list** where, struct robust_list* what) {
  toy_compiler_barrier();
  __atomic_store_n(where, what, __ATOMIC_RELAXED);
  toy_compiler_barrier();
}

/* L1, U1 */
TOY_STEP void toy_announce(struct toy_lock* lock) {
  toy_store(&toy_self.head.list_op_pending, &lock->node);
}

/* L4, U5 */
TOY_STEP void toy_withdraw(void) {
  toy_store(&toy_self.head.list_op_pending, NULL);
}

/* L3: the node is complete before the one store that makes it part of the list. */
TOY_STEP void toy_link(struct toy_lock* lock) {
  lock->node.next = toy_self.head.list.next;
  toy_store(&toy_self.head.list.next, &lock->node);
}

/* U2: one store, so that the list is whole before and after it. */
TOY_STEP void toy_unlink(struct toy_lock* lock) {
  struct robust_list* before = &toy_self.head.list;
  while (before->next != &lock->node)
    before = before->next;
  toy_store(&before->next, lock->node.next);
}

/* Returns the old word, not success: see TOY_FAULT_BEGIN. */
TOY_STEP uint32_t toy_exchange_if(uint32_t* word, uint32_t expected, uint32_t desired) {
  __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return expected;
}

TOY_STEP uint32_t toy_load(const uint32_t* word) {
  return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

TOY_STEP void toy_futex_wait(uint32_t* word, uint32_t expected) {
  toy_syscall(SYS_futex, (long)word, FUTEX_WAIT, (long)expected, 0, 0, 0);
}

TOY_STEP void toy_futex_wake_all(uint32_t* word) {
  toy_syscall(SYS_futex, (long)word, FUTEX_WAKE, INT_MAX, 0, 0, 0);
}

TOY_STEP bool toy_owner_died(uint32_t word) {
  return (word & FUTEX_OWNER_DIED) && !(word & FUTEX_TID_MASK);
}

TOY_STEP bool toy_acquired(int result) {
  return result == 0 || result == EOWNERDEAD;
}

/* L2 on a dead owner's word. The hint survives: others may sleep on it. */
TOY_STEP bool toy_take_over(struct toy_lock* lock, uint32_t seen, uint32_t hint) {
  const uint32_t desired = toy_self.tid | (seen & FUTEX_WAITERS) | hint;
  if (toy_exchange_if(&lock->word, seen, desired) != seen) return false;
  lock->inconsistent = 1;
  return true;
}

/*
 * L2 where the word was not free. Part of the operation's own code too, so that a window that begins behind
 * L2 covers both ways to acquire. Returns 0, EOWNERDEAD or ENOTRECOVERABLE.
 */
TOY_STEP int toy_acquire_slow(struct toy_lock* lock) {
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
    if (!(seen & FUTEX_WAITERS)) {
      if (toy_exchange_if(&lock->word, seen, seen | FUTEX_WAITERS) != seen) continue;
      seen |= FUTEX_WAITERS;
    }
    toy_futex_wait(&lock->word, seen);
    hint = FUTEX_WAITERS;
  }
}

/* L2 where the word was not free, without waiting. */
TOY_STEP int toy_try_acquire_slow(struct toy_lock* lock) {
  for (;;) {
    const uint32_t seen = toy_load(&lock->word);
    if (seen == TOY_NOT_RECOVERABLE) return ENOTRECOVERABLE;
    if (!toy_owner_died(seen)) return EBUSY;
    if (toy_take_over(lock, seen, 0)) return EOWNERDEAD;
  }
}

/* U3: returns the old word. */
TOY_STEP uint32_t toy_release(struct toy_lock* lock) {
  const uint32_t released = lock->inconsistent ? TOY_NOT_RECOVERABLE : 0;
  return __atomic_exchange_n(&lock->word, released, __ATOMIC_SEQ_CST);
}

/* U4 */
TOY_STEP void toy_wake(struct toy_lock* lock, uint32_t old) {
  if (old & FUTEX_WAITERS) toy_futex_wake_all(&lock->word);
}

TOY_STEP bool toy_is_mine(const struct toy_lock* lock) {
  return (toy_load(&lock->word) & FUTEX_TID_MASK) == toy_self.tid;
}

static int toy_init(void* object) {
  memset(object, 0, sizeof(struct toy_lock));
  return 0;
}

static int toy_destroy(void* object) {
  const uint32_t word = toy_load(&((struct toy_lock*)object)->word);
  return word != TOY_NOT_RECOVERABLE && (word & FUTEX_TID_MASK) ? EBUSY : 0;
}

static pid_t toy_owner(const void* object) {
  const uint32_t word = toy_load(&((const struct toy_lock*)object)->word);
  return word == TOY_NOT_RECOVERABLE ? 0 : (pid_t)(word & FUTEX_TID_MASK);
}

TOY_OP int toy_consistent(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock) || !lock->inconsistent) return EINVAL;
  lock->inconsistent = 0;
  return 0;
}

TOY_OP int toy_lock(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  if (toy_exchange_if(&lock->word, 0, toy_self.tid) != 0) result = toy_acquire_slow(lock);
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_OP int toy_trylock(void* object) {
  struct toy_lock* lock = object;
  toy_announce(lock);
  int result = 0;
  if (toy_exchange_if(&lock->word, 0, toy_self.tid) != 0) result = toy_try_acquire_slow(lock);
  if (toy_acquired(result)) toy_link(lock);
  toy_withdraw();
  return result;
}

TOY_OP int toy_unlock(void* object) {
  struct toy_lock* lock = object;
  if (!toy_is_mine(lock)) return EPERM;
  toy_announce(lock);
  toy_unlink(lock);
  toy_wake(lock, toy_release(lock));
  toy_withdraw();
  return 0;
}

/* The subject, with the operations that the toy replaces. */
#define TOY_ROBUST_SUBJECT(name_, summary_, lock_, trylock_, unlock_, consistent_)                 \
  TOY_ROBUST_SUBJECT_ENTERED(toy_thread_enter, name_, summary_, lock_, trylock_, unlock_,          \
                             consistent_)
#define TOY_ROBUST_SUBJECT_ENTERED(enter_, name_, summary_, lock_, trylock_, unlock_, consistent_) \
  const struct heirlock_subject* heirlock_subject(void) {                                          \
    static const struct heirlock_subject subject = {                                               \
        .abi = HEIRLOCK_SUBJECT_ABI,                                                               \
        .size = sizeof(struct toy_lock),                                                           \
        .name = (name_),                                                                           \
        .summary = (summary_),                                                                     \
        .thread_enter = (enter_),                                                                  \
        .init = toy_init,                                                                          \
        .lock = (lock_),                                                                           \
        .trylock = (trylock_),                                                                     \
        .unlock = (unlock_),                                                                       \
        .consistent = (consistent_),                                                               \
        .destroy = toy_destroy,                                                                    \
        .owner = toy_owner,                                                                        \
        .refuses_others = 1,                                                                       \
    };                                                                                             \
    return &subject;                                                                               \
  }

#endif
