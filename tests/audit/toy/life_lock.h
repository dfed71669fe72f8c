/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a lock whose owner is named by a life word (life.h), and the steps that do not depend on
 * how a thread waits.
 *
 * The owner word:
 *   0                     free
 *   name of a slot        held by that thread, or, where its life is over, to be taken over
 *   LIFE_NOT_RECOVERABLE  a told owner unlocked without life_consistent(); never again usable
 *
 * Only threads write here. The change of hands is one compare-and-exchange from the dead owner's name: since
 * a name is never used again, of all who saw it dead exactly one succeeds and is told.
 */
#ifndef HEIRLOCK_TOY_LIFE_LOCK_H
#define HEIRLOCK_TOY_LIFE_LOCK_H

#include "tests/audit/toy/life.h"

#include <string.h>

struct life_lock {
  uint32_t owner;
  /* Written by the owner alone: it was told of a death and has not yet called life_consistent(). */
  uint32_t inconsistent;
  /* Acquisitions, for the toy that keeps count. */
  uint64_t count;
};
_Static_assert(sizeof(struct life_lock) == 16, "every word of the object is accounted for");

#define LIFE_NOT_RECOVERABLE ((life_name)-1)

/* Acquires if the lock is free or its owner is dead. EBUSY: *owner lives. */
TOY_STEP int life_try_acquire(struct life_lock* lock, life_name* owner) {
  for (;;) {
    life_name seen = 0;
    if (__atomic_compare_exchange_n(&lock->owner, &seen, life_self.name, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
      return 0;
    if (seen == LIFE_NOT_RECOVERABLE) return ENOTRECOVERABLE;
    if (!life_is_over(seen)) {
      *owner = seen;
      return EBUSY;
    }
    if (__atomic_compare_exchange_n(&lock->owner, &seen, life_self.name, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST)) {
      /* A death before this store is told to the next owner, who stores it. */
      lock->inconsistent = 1;
      return EOWNERDEAD;
    }
  }
}

/* The last access to the object: from the exchange on, it may be anything. */
TOY_STEP void life_release(struct life_lock* lock) {
  const life_name released = lock->inconsistent ? LIFE_NOT_RECOVERABLE : 0;
  __atomic_exchange_n(&lock->owner, released, __ATOMIC_SEQ_CST);
}

TOY_STEP bool life_owns(const struct life_lock* lock) {
  return __atomic_load_n(&lock->owner, __ATOMIC_SEQ_CST) == life_self.name;
}

static int life_init(void* object) {
  memset(object, 0, sizeof(struct life_lock));
  return 0;
}

static int life_destroy(void* object) {
  const life_name owner = __atomic_load_n(&((struct life_lock*)object)->owner, __ATOMIC_SEQ_CST);
  return owner != 0 && owner != LIFE_NOT_RECOVERABLE && !life_is_over(owner) ? EBUSY : 0;
}

static pid_t life_owner(const void* object) {
  const life_name owner =
      __atomic_load_n(&((const struct life_lock*)object)->owner, __ATOMIC_SEQ_CST);
  return owner == 0 || owner == LIFE_NOT_RECOVERABLE ? 0 : (pid_t)life_of(owner)->tid;
}

TOY_OP int life_trylock(void* object) {
  life_name owner;
  return life_try_acquire(object, &owner);
}

TOY_OP int life_consistent(void* object) {
  struct life_lock* lock = object;
  if (!life_owns(lock) || !lock->inconsistent) return EINVAL;
  lock->inconsistent = 0;
  return 0;
}

#define TOY_LIFE_SUBJECT(name_, summary_, lock_, trylock_, unlock_)                                \
  const struct heirlock_subject* heirlock_subject(void) {                                          \
    static const struct heirlock_subject subject = {                                               \
        .abi = HEIRLOCK_SUBJECT_ABI,                                                               \
        .size = sizeof(struct life_lock),                                                          \
        .name = (name_),                                                                           \
        .summary = (summary_),                                                                     \
        .thread_enter = life_enter,                                                                \
        .init = life_init,                                                                         \
        .lock = (lock_),                                                                           \
        .trylock = (trylock_),                                                                     \
        .unlock = (unlock_),                                                                       \
        .consistent = life_consistent,                                                             \
        .destroy = life_destroy,                                                                   \
        .owner = life_owner,                                                                       \
    };                                                                                             \
    return &subject;                                                                               \
  }

#endif
