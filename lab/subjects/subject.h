/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interface between the instrument and a lock under audit.
 *
 * A subject is a table of functions. The instrument runs them inside processes that it single-steps
 * and kills; it calls the functions of the table directly, so the instructions that it counts are the
 * instructions of the lock. Any shared library that exports
 *
 *     const struct heirlock_subject* heirlock_subject(void);
 *
 * can be audited:  heirlock audit --subject ./my_lock.so
 *
 * A lock that relies on more than today's kernels do exports the name of the kernel policy that it needs as well
 * (heirlock audit --list has them), so that a report under another policy can say so:
 *
 *     const char* heirlock_subject_policy(void);
 *
 * A lock that keeps state outside its objects (a table of threads, say) exports a function that makes that state anew.
 * It is called before each run, in the process from which all others of the run are forked, while no other is there,
 * so that each run begins in the same state. 0, or an errno value:
 *
 *     int heirlock_subject_prepare(void);
 *
 * An audit takes a waiter that sleeps with a timeout for one that sleeps. In one scenario (oom-kill) timeouts are waited
 * out, because the kernel itself may leave a death unreported there. A lock that has a timeout as its backstop, and
 * leaves it off otherwise, exports what is called there in place of heirlock_subject_prepare:
 *
 *     int heirlock_subject_prepare_with_backstop(void);
 *
 * Return values are those of POSIX: 0, or an errno value (EBUSY, EOWNERDEAD, ENOTRECOVERABLE, ETIMEDOUT,
 * EPERM, EDEADLK, ...). A NULL entry means that the lock does not have that operation; lock, trylock,
 * unlock and init must be there.
 *
 * Rules for an implementation:
 *  - the object lives in memory that several processes share, mapped at the same address in each;
 *  - destroy, munmap and mmap may wait until an operation of another thread is over: an actor that waits for the
 *    stopped victim violates nothing, one that goes on waiting when the victim is dead does;
 *  - no function may print, allocate in the operation path, or depend on being called from main();
 *  - a function must not rely on state of the process that fork() does not copy.
 */
#ifndef HEIRLOCK_LAB_SUBJECT_H
#define HEIRLOCK_LAB_SUBJECT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface; a library built for another one is refused. */
#define HEIRLOCK_SUBJECT_ABI 3u

/* The largest lock object that the instrument has room for, in bytes. */
#define HEIRLOCK_SUBJECT_MAX_SIZE 4096u

struct heirlock_subject {
  uint32_t abi;        /* HEIRLOCK_SUBJECT_ABI */
  uint32_t size;       /* bytes of one lock object, at most HEIRLOCK_SUBJECT_MAX_SIZE */
  const char* name;    /* short, as on a command line */
  const char* summary; /* one line */

  /* Called once by each thread before its first operation, outside every kill point. May be NULL. */
  int (*thread_enter)(void);

  /* Makes a lock that processes can share, free and consistent. */
  int (*init)(void* lock);
  int (*lock)(void* lock);
  int (*trylock)(void* lock);
  /* The deadline is absolute, on CLOCK_REALTIME. */
  int (*timedlock)(void* lock, const struct timespec* deadline);
  int (*unlock)(void* lock);
  int (*consistent)(void* lock);
  int (*destroy)(void* lock);

  /*
   * Reads the owner without changing anything: the TID of the owner (dead or alive), or 0 when the lock
   * is free. NULL when the lock does not record its owner.
   */
  pid_t (*owner)(const void* lock);

  /*
   * The lock's own munmap and mmap, for a lock whose safety depends on what these calls do (a C library may make
   * them wait for an unlock that is under way): what munmap(2) and mmap(2) return. Where a scenario unmaps the memory
   * of a lock, or maps something there, these are called. NULL: the C library's.
   */
  int (*munmap)(void* address, size_t length);
  void* (*mmap)(void* address, size_t length, int protection, int flags, int descriptor,
                off_t offset);

  /*
   * Not 0: unlock by a thread that does not own the lock is refused (EPERM), as POSIX demands of robust, recursive and
   * error-checking mutexes. 0: it is undefined, and nobody here will try it.
   */
  int refuses_others;
};

#ifdef __cplusplus
}
#endif

#endif
