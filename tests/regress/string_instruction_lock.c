/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's robust mutex, whose unlock clears a little memory of its own first, as compilers do it that set a
 * structure to 0: by one instruction that does its work piece by piece.
 */
#include <pthread.h>

#include "lab/subjects/subject.h"

static void clear_a_structure(void) {
  uint64_t structure[8];
  uint64_t* at = structure;
  uint64_t words = sizeof structure / sizeof structure[0];
  __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(0) : "memory");
}

static int init_it(void* lock) {
  pthread_mutexattr_t attributes;
  int error = pthread_mutexattr_init(&attributes);
  if (error == 0) error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (error == 0) error = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  if (error == 0) error = pthread_mutex_init(lock, &attributes);
  return error;
}
static int lock_it(void* lock) {
  return pthread_mutex_lock(lock);
}
static int trylock_it(void* lock) {
  return pthread_mutex_trylock(lock);
}
static int unlock_it(void* lock) {
  clear_a_structure();
  return pthread_mutex_unlock(lock);
}
static int consistent_it(void* lock) {
  return pthread_mutex_consistent(lock);
}
static int destroy_it(void* lock) {
  return pthread_mutex_destroy(lock);
}

__attribute__((visibility("default"))) const struct heirlock_subject* heirlock_subject(void);
const struct heirlock_subject* heirlock_subject(void) {
  static const struct heirlock_subject subject = {
      .abi = HEIRLOCK_SUBJECT_ABI,
      .size = sizeof(pthread_mutex_t),
      .name = "string-instruction",
      .summary = "a robust mutex whose unlock clears memory piece by piece",
      .init = init_it,
      .lock = lock_it,
      .trylock = trylock_it,
      .unlock = unlock_it,
      .consistent = consistent_it,
      .destroy = destroy_it,
  };
  return &subject;
}
