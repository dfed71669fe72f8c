/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEIRLOCK_HEIRLOCK_H
#define HEIRLOCK_HEIRLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Mutexes for shared memory that survive the death of any process. The functions have the signatures and
 * return codes of their pthread namesakes (POSIX.1-2024, robust mutexes); where they differ, it is said here.
 *
 * Return values   0 or an errno value; errno itself means nothing. Functions that return a descriptor say so.
 * Memory order    as POSIX "memory synchronization": what a thread wrote before it unlocked, or before it died
 *                 owning, is seen by the one who gets the mutex next, with 0 or with EOWNERDEAD. A failed attempt
 *                 orders nothing.
 * Threads         every function may be called by any thread at any time, unless it says otherwise.
 * Signals, cancellation, vfork
 *                 no function is async-signal-safe, none is a cancellation point, and none may be interrupted by
 *                 longjmp or asynchronous cancellation. A handler that returns is harmless: waits go on. In a child of
 *                 vfork, or of clone with CLONE_VM, call none: it would act as the parent's thread.
 * Pointers        to a mutex must not be NULL in lock, trylock, timedlock, clocklock and unlock (it is not looked at;
 *                 the process gets the usual SIGSEGV). Everywhere else NULL is EINVAL, or the default that is named.
 * Death           of a thread means: SIGKILL or any other end of its process, its own end, an exec, or
 *                 heirlock_thread_detach. What it owned goes to the next one with EOWNERDEAD.
 */

#if defined(__cplusplus)
#define HEIRLOCK_NOEXCEPT noexcept
extern "C" {
#else
#define HEIRLOCK_NOEXCEPT
#endif

#define HEIRLOCK_PUBLIC __attribute__((visibility("default")))
#define HEIRLOCK_CHECKED __attribute__((warn_unused_result))

/* ---- domains -------------------------------------------------------------------------------------- */

/*
 * A domain is a shared memory object that knows which threads are alive. Every mutex belongs to one, and
 * every process that uses the mutex must be attached to it. Most programs never name one: each user has a
 * default domain, which is found, or made, at the first use of a mutex. Write access to a domain is power
 * over all processes that are attached to it.
 */
typedef struct heirlock_domain heirlock_domain_t;

/* Filled in by the functions that take one. text names what was refused and what to do about it. */
typedef struct heirlock_error {
  int code; /* an errno value, 0 when all went well */
  char text[252];
} heirlock_error_t;

enum heirlock_unlock_mode {
  HEIRLOCK_UNLOCK_ANY = 0,        /* when attaching: as the domain is; when making: RMW */
  HEIRLOCK_UNLOCK_RMW = 1,        /* a release is one atomic exchange */
  HEIRLOCK_UNLOCK_ASYMMETRIC = 2, /* a release is a plain store; waiters pay. Needs membarrier(2) */
};

enum heirlock_domain_flags {
  HEIRLOCK_DOMAIN_MUST_EXIST = 1,  /* do not make one */
  HEIRLOCK_DOMAIN_MUST_CREATE = 2, /* refuse one that exists */
  HEIRLOCK_DOMAIN_GROUP = 4,       /* mode 0660 and the group in `group`, instead of 0600 */
  HEIRLOCK_DOMAIN_BACKSTOP = 8,    /* use backstop_ms; without this flag it is 1000 */
};

typedef struct heirlock_domain_options {
  uint32_t struct_size; /* sizeof(heirlock_domain_options_t) */
  uint32_t flags;
  const char*
      name; /* NULL: the default domain of this user; with '/': a path; else a name in /dev/shm */
  int descriptor; /* >= 0: this file (an empty memfd, say) and no name. It is opened again, not kept */
  uint32_t threads;     /* room for so many threads; 0: 1024, or as the domain is */
  uint32_t unlock_mode; /* enum heirlock_unlock_mode */
  uint32_t backstop_ms; /* how long an untimed wait trusts the kernel to wake it; 0: for ever */
  uint32_t group;       /* a gid */
} heirlock_domain_options_t;

#define HEIRLOCK_DOMAIN_OPTIONS_INIT                                                               \
  { sizeof(heirlock_domain_options_t), 0, NULL, -1, 0, 0, 0, 0 }

typedef struct heirlock_domain_info {
  uint32_t struct_size; /* set by the caller */
  uint32_t id;
  uint32_t threads;
  uint32_t threads_alive;
  uint32_t unlock_mode;
  uint32_t backstop_ms;
  uint32_t
      waits_on_many; /* 0: futex_waitv is missing here, waiters of this process sleep in short turns */
  uint32_t reserved;
  uint64_t slow_locks, follower_sleeps, head_sleeps, relays, owner_deaths, claims, detaches,
      lost_places;
  uint64_t backstop_timeouts, rescued_wakes, rescued_deaths, stopped_predecessors, sleeps_in_turns;
} heirlock_domain_info_t;

/*
 * Attaches this process to a domain, making it if need be. Attaching twice gives the same handle. Options NULL: the
 * default domain: the file that HEIRLOCK_DOMAIN in the environment names (ignored in set-user-ID programs), else
 * /dev/shm/heirlock-UID. The error may be NULL. Safe against other makers and against the death of any of them: what one has left
 * unfinished in a given file, the next one makes as its own options say. Errors, each
 * with a text that names what was found and what to do about it:
 *   EINVAL   options; no domain in the file; another number of threads or unlock mode than asked for
 *   EPROTO   a domain of another layout version, libc, word size or size
 *   EACCES   another owner, group or mode: who can write to it would have power over this process
 *   ELOOP    a symbolic link    EEXIST, ENOENT   with MUST_CREATE, MUST_EXIST    ENFILE   16 domains are attached
 *   ENOSYS, EPERM   the asymmetric mode, and membarrier(2) is missing or forbidden here
 * and those of open, mmap, fallocate (ENOSPC) for the file.
 */
HEIRLOCK_PUBLIC HEIRLOCK_CHECKED int heirlock_domain_open(const heirlock_domain_options_t*,
                                                          heirlock_domain_t**,
                                                          heirlock_error_t*) HEIRLOCK_NOEXCEPT;
/* Ends the attachment. EBUSY while a thread of this process has a seat in it: see heirlock_thread_detach. EINVAL: it is
   closed. No other thread may be inside an operation on one of its mutexes. A closed handle is refused with EINVAL until
   its place is taken by the next domain that is opened. */
HEIRLOCK_PUBLIC int heirlock_domain_close(heirlock_domain_t*) HEIRLOCK_NOEXCEPT;
/* Counters since the domain was made, by all processes; set struct_size first. EINVAL: another size, or closed. */
HEIRLOCK_PUBLIC int heirlock_domain_inspect(heirlock_domain_t*,
                                            heirlock_domain_info_t*) HEIRLOCK_NOEXCEPT;
/* A memfd for a domain that other processes get by descriptor passing. -1 and the error when refused. */
HEIRLOCK_PUBLIC int heirlock_domain_memfd(heirlock_error_t*) HEIRLOCK_NOEXCEPT;

/* Takes the calling thread's place in the domain now instead of at its first lock: about 50 us, once in a thread's life.
   EAGAIN: it is full of living threads. EINVAL: the domain is closed. Waits for other claims in the domain, for ever if one of
   them is stopped by a signal in the middle of it; fork() and claims in other domains do not wait with it. */
HEIRLOCK_PUBLIC int heirlock_thread_attach(heirlock_domain_t*) HEIRLOCK_NOEXCEPT;
/* Gives it back; 0 also if it has none. A mutex that the thread still holds goes to the next locker as from a dead owner.
   There is no need to call this before a thread ends: the kernel does the same. EINVAL: the domain is closed. */
HEIRLOCK_PUBLIC int heirlock_thread_detach(heirlock_domain_t*) HEIRLOCK_NOEXCEPT;

/* ---- mutexes -------------------------------------------------------------------------------------- */

enum heirlock_mutex_type {
  HEIRLOCK_MUTEX_NORMAL = 0, /* relocking is an error here too: it costs nothing to tell */
  HEIRLOCK_MUTEX_ERRORCHECK = 1,
  HEIRLOCK_MUTEX_RECURSIVE = 2,
};

typedef struct heirlock_mutexattr {
  uint32_t type;
  uint32_t reserved;
  heirlock_domain_t* domain; /* NULL: the default domain */
} heirlock_mutexattr_t;

/* 32 bytes, at any address that is a multiple of 16 (8 will do), in memory that all users map shared. */
typedef struct heirlock_mutex {
  uint64_t word_;
  uint32_t tail_;
  uint32_t domain_id_;
  uint32_t version_and_type_;
  uint32_t count_;
  uint64_t reserved_;
} heirlock_mutex_t __attribute__((aligned(16)));

HEIRLOCK_PUBLIC int heirlock_mutexattr_init(heirlock_mutexattr_t*) HEIRLOCK_NOEXCEPT;
HEIRLOCK_PUBLIC int heirlock_mutexattr_settype(heirlock_mutexattr_t*, int type) HEIRLOCK_NOEXCEPT;
HEIRLOCK_PUBLIC int heirlock_mutexattr_setdomain(heirlock_mutexattr_t*,
                                                 heirlock_domain_t*) HEIRLOCK_NOEXCEPT;
HEIRLOCK_PUBLIC int heirlock_mutexattr_destroy(heirlock_mutexattr_t*) HEIRLOCK_NOEXCEPT;

/*
 * Errors beside pthread's, of every operation. None of them changes the mutex:
 *   EINVAL           the memory holds no mutex of this library, or it was overwritten; a misplaced mutex; nanoseconds
 *                    outside 0..999,999,999 (when it would have to wait); another clock than the two; no time at all
 *   EXDEV            the mutex belongs to a domain that this process is not attached to
 *   EAGAIN           the domain is full (or, recursive, the count is at its limit, 2^24)
 *   EDEADLK          the caller already owns it (trylock: EBUSY)
 *   EPERM            unlock, consistent: the caller does not own it
 *   EOWNERDEAD       the caller owns it; its last owner died. Repair, then heirlock_mutex_consistent
 *   ENOTRECOVERABLE  an owner that was told EOWNERDEAD unlocked it without heirlock_mutex_consistent
 * A word that was overwritten by what looks like an owner is treated as that owner's: EOWNERDEAD if there is none such.
 * In a forked child the caller owns nothing: EPERM, EBUSY. A child that was made without fork handlers (_Fork, raw clone) is
 * recognised at its first call that does not end on the short way. Until then the thread that it began with may release
 * the mutex that its parent's thread locked last, and lock free ones in its parent's name, which are lost when it ends:
 * let it call heirlock_thread_attach before anything else. One that was made in a signal handler which had interrupted a
 * function of this library must not return from the handler.
 * Other values (ENOENT, EACCES, EMFILE, ...) mean that the domain's file could not be opened again when the
 * calling thread needed a seat.
 */
HEIRLOCK_PUBLIC int heirlock_mutex_init(heirlock_mutex_t*,
                                        const heirlock_mutexattr_t*) HEIRLOCK_NOEXCEPT;
/* EBUSY while it has an owner, also a dead one. That nobody waits for it is the caller's to know. */
HEIRLOCK_PUBLIC int heirlock_mutex_destroy(heirlock_mutex_t*) HEIRLOCK_NOEXCEPT;
HEIRLOCK_PUBLIC HEIRLOCK_CHECKED int heirlock_mutex_lock(heirlock_mutex_t*) HEIRLOCK_NOEXCEPT;
HEIRLOCK_PUBLIC HEIRLOCK_CHECKED int heirlock_mutex_trylock(heirlock_mutex_t*) HEIRLOCK_NOEXCEPT;
/* CLOCK_REALTIME, absolute. A time that has passed is no error if the mutex is free: 0; else ETIMEDOUT. The time bounds the
   thread's first lock too, which may have to wait for a seat, or to attach to the default domain. */
HEIRLOCK_PUBLIC HEIRLOCK_CHECKED int
heirlock_mutex_timedlock(heirlock_mutex_t*, const struct timespec*) HEIRLOCK_NOEXCEPT;
/* CLOCK_REALTIME or CLOCK_MONOTONIC, absolute; EINVAL for any other. */
HEIRLOCK_PUBLIC HEIRLOCK_CHECKED int
heirlock_mutex_clocklock(heirlock_mutex_t*, int clock, const struct timespec*) HEIRLOCK_NOEXCEPT;
HEIRLOCK_PUBLIC int heirlock_mutex_unlock(heirlock_mutex_t*) HEIRLOCK_NOEXCEPT;
HEIRLOCK_PUBLIC int heirlock_mutex_consistent(heirlock_mutex_t*) HEIRLOCK_NOEXCEPT;
/*
 * Rebinds a mutex whose domain is gone for ever: a file-backed segment after a reboot, a domain that was
 * removed. The caller must know that no other thread can reach the mutex meanwhile. 0: it was free and is.
 * EOWNERDEAD: it had an owner; now the caller owns it, and repairs. ENOTRECOVERABLE: it was and is. EBUSY: its domain is
 * attached here, so there is nothing to recover. Killed anywhere in it: recover again. Domain NULL: the default one.
 */
HEIRLOCK_PUBLIC HEIRLOCK_CHECKED int heirlock_mutex_recover(heirlock_mutex_t*,
                                                            heirlock_domain_t*) HEIRLOCK_NOEXCEPT;

#if defined(__cplusplus)
}
#endif

#endif
