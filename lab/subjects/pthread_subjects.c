/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pthread-robust, -normal, -recursive and -errorcheck: process-shared mutexes of the C library that the process runs on.
 * The functions do nothing but jump into that library, so that its shipped code is what is audited.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>

#include "lab/subjects/builtin_tables.h"

_Static_assert(sizeof(pthread_mutex_t) % 8 == 0, "the instrument compares 64-bit words");

static int init_as(void* lock, int robustness, int type) {
  pthread_mutexattr_t attributes;
  int error = pthread_mutexattr_init(&attributes);
  if (error == 0) error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (error == 0) error = pthread_mutexattr_setrobust(&attributes, robustness);
  if (error == 0) error = pthread_mutexattr_settype(&attributes, type);
  if (error == 0) error = pthread_mutex_init(lock, &attributes);
  return error;
}

static int init_robust(void* lock) {
  return init_as(lock, PTHREAD_MUTEX_ROBUST, PTHREAD_MUTEX_NORMAL);
}
static int init_normal(void* lock) {
  return init_as(lock, PTHREAD_MUTEX_STALLED, PTHREAD_MUTEX_NORMAL);
}
static int init_recursive(void* lock) {
  return init_as(lock, PTHREAD_MUTEX_STALLED, PTHREAD_MUTEX_RECURSIVE);
}
static int init_errorcheck(void* lock) {
  return init_as(lock, PTHREAD_MUTEX_STALLED, PTHREAD_MUTEX_ERRORCHECK);
}

static int lock_it(void* lock) {
  return pthread_mutex_lock(lock);
}
static int trylock_it(void* lock) {
  return pthread_mutex_trylock(lock);
}
static int timedlock_it(void* lock, const struct timespec* deadline) {
  return pthread_mutex_timedlock(lock, deadline);
}
static int unlock_it(void* lock) {
  return pthread_mutex_unlock(lock);
}
static int consistent_it(void* lock) {
  return pthread_mutex_consistent(lock);
}
static int destroy_it(void* lock) {
  return pthread_mutex_destroy(lock);
}

/* A robust mutex is owned by the thread that its futex word names (Documentation/locking/robust-futexes). */
static pid_t owner_of_robust(const void* lock) {
  const pthread_mutex_t* mutex = lock;
  return (pid_t)((unsigned)__atomic_load_n(&mutex->__data.__lock, __ATOMIC_ACQUIRE) &
                 FUTEX_TID_MASK);
}

/* The word of any other mutex is 0, 1 or 2; glibc notes the owner's TID beside it. */
static pid_t owner_of_stalled(const void* lock) {
  const pthread_mutex_t* mutex = lock;
  if (__atomic_load_n(&mutex->__data.__lock, __ATOMIC_ACQUIRE) == 0) return 0;
  return (pid_t)__atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED);
}

/* What all of them have; the rest is named in each. */
#define PTHREAD_MUTEX(NAME, SUMMARY, INIT, OWNER)                                                  \
  .abi = HEIRLOCK_SUBJECT_ABI, .size = sizeof(pthread_mutex_t), .name = (NAME),                    \
  .summary = (SUMMARY), .init = (INIT), .lock = lock_it, .trylock = trylock_it,                    \
  .timedlock = timedlock_it, .unlock = unlock_it, .destroy = destroy_it, .owner = (OWNER)

const struct heirlock_subject heirlock_pthread_subjects[] = {
    {PTHREAD_MUTEX("pthread-robust",
                   "robust process-shared mutex of the C library (PTHREAD_MUTEX_ROBUST)",
                   init_robust, owner_of_robust),
     .consistent = consistent_it, .refuses_others = 1},
    {PTHREAD_MUTEX("pthread-normal",
                   "normal process-shared mutex of the C library: tells nobody when its owner dies",
                   init_normal, owner_of_stalled)},
    {PTHREAD_MUTEX("pthread-recursive",
                   "recursive process-shared mutex of the C library, not robust", init_recursive,
                   owner_of_stalled),
     .refuses_others = 1},
    {PTHREAD_MUTEX("pthread-errorcheck",
                   "error-checking process-shared mutex of the C library, not robust",
                   init_errorcheck, owner_of_stalled),
     .refuses_others = 1},
};

const unsigned heirlock_pthread_subject_count =
    sizeof heirlock_pthread_subjects / sizeof heirlock_pthread_subjects[0];
