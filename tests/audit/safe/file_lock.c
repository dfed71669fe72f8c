/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file-lock: the kernel's open-file-description locks exclude, and a word in the object remembers whether
 * the last owner got as far as letting go. Each thread has a description of its own of one anonymous file, in a
 * descriptor table of its own, so that the kernel closes it when the thread ends, however it ends;
 * the byte that stands for a lock is the one at the offset of the lock's address.
 *
 * Lock
 *   L1 lock the byte (waiting in the kernel)
 *   L2 read the owner word; store our TID there
 *   L3 if it was not 0, its owner died: told EOWNERDEAD
 * Unlock
 *   U1 store 0 in the owner word (and before it, where due, the mark "not recoverable")
 *   U2 unlock the byte
 *
 * Why it is sound wherever a thread is killed with its process:
 *  - before L1: no state. Killed as it waits in L1: the kernel takes the request back;
 *  - at any time, the death of the thread closes its description, and the kernel then unlocks their bytes
 *    and lets the next waiter have them. No wake-up is ours to send, so none can be lost;
 *  - between L1 and L2: the owner word still says what the previous owner left (0, or the TID of a
 *    dead one who has not yet been told of), and the next owner reads just that. Nobody is told of the
 *    present death, rightly, since lock() never returned and the word never named the thread;
 *  - behind L2 and before U1: the word names the thread, and only the next holder of the byte reads it:
 *    one is told, and it overwrites the word while it holds the byte;
 *  - between U1 and U2: the word is 0, nobody is told; the byte is unlocked by the closing;
 *  - behind U2 nothing refers to the object: the kernel keeps an offset in a file, not an address, and writes
 *    to no memory. Whoever reuses the memory must first have locked the byte, so after U2.
 *
 * Limits: a description lives until the last descriptor is closed. So a process that was forked from a thread
 * holding a lock, or a thread that it started, hides its death until it calls thread_enter, which closes what it
 * inherited. A thread that is joined may not have closed yet: its heir waits that long. A thread that locks what it
 * holds already is not refused, as the kernel has nothing against it.
 */
#define _GNU_SOURCE
#include "tests/audit/toy/toy.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "toy_syscall.h"

struct file_lock {
  uint32_t owner;
  /* Written by the owner alone: it was told of a death and has not yet called consistent(). */
  uint32_t inconsistent;
  uint32_t not_recoverable;
  uint32_t reserved;
};
_Static_assert(sizeof(struct file_lock) == 16, "every word of the object is accounted for");

static int file = -1;

/* In every thread's own table; what was there is the starter's, and is closed. Free in any program that this serves. */
enum { description = 200 };

struct file_thread {
  uint32_t tid;
};
static __thread struct file_thread self __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void make_file(void) {
  file = memfd_create("heirlock-toy-file-lock", MFD_CLOEXEC);
}

static int enter(void) {
  if (file < 0) return ENOSYS;
  const uint32_t tid = (uint32_t)toy_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
  if (self.tid == tid) return 0;
  if (unshare(CLONE_FILES) != 0) return errno;
  char path[sizeof "/proc/self/fd/" + 3 * sizeof file];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  const int opened = open(path, O_RDWR | O_CLOEXEC);
  if (opened < 0) return errno;
  const int error = dup3(opened, description, O_CLOEXEC) < 0 ? errno : 0;
  close(opened);
  if (error != 0) return error;
  self.tid = tid;
  return 0;
}

/* Returns a positive errno value. */
TOY_STEP int control(int command, short type, const struct file_lock* lock) {
  struct flock byte = {
      .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)(uintptr_t)lock, .l_len = 1};
  return (int)-toy_syscall(SYS_fcntl, description, command, (long)&byte, 0, 0, 0);
}

/* L2, L3. A dead owner outranks the mark: it died before its unlock, which would have made the mark count. */
TOY_STEP int claim(struct file_lock* lock) {
  const uint32_t before = __atomic_load_n(&lock->owner, __ATOMIC_SEQ_CST);
  if (before == 0 && lock->not_recoverable) {
    control(F_OFD_SETLK, F_UNLCK, lock);
    return ENOTRECOVERABLE;
  }
  __atomic_store_n(&lock->owner, self.tid, __ATOMIC_SEQ_CST);
  if (before == 0) return 0;
  /* A death before these stores is told to the next owner, who stores them. */
  lock->inconsistent = 1;
  lock->not_recoverable = 0;
  return EOWNERDEAD;
}

TOY_OP int lock_(void* object) {
  int trouble;
  while ((trouble = control(F_OFD_SETLKW, F_WRLCK, object)) == EINTR)
    continue;
  return trouble ? trouble : claim(object);
}

TOY_OP int trylock_(void* object) {
  const int trouble = control(F_OFD_SETLK, F_WRLCK, object);
  if (trouble) return trouble == EAGAIN || trouble == EACCES ? EBUSY : trouble;
  return claim(object);
}

TOY_OP int unlock_(void* object) {
  struct file_lock* lock = object;
  if (__atomic_load_n(&lock->owner, __ATOMIC_SEQ_CST) != self.tid) return EPERM;
  if (lock->inconsistent) __atomic_store_n(&lock->not_recoverable, 1, __ATOMIC_SEQ_CST);
  __atomic_store_n(&lock->owner, 0, __ATOMIC_SEQ_CST);
  return control(F_OFD_SETLK, F_UNLCK, lock);
}

TOY_OP int consistent_(void* object) {
  struct file_lock* lock = object;
  if (__atomic_load_n(&lock->owner, __ATOMIC_SEQ_CST) != self.tid || !lock->inconsistent)
    return EINVAL;
  lock->inconsistent = 0;
  return 0;
}

static int init(void* object) {
  memset(object, 0, sizeof(struct file_lock));
  return 0;
}

/* Whether the byte is locked decides, not the word: a dead owner's word is no reason to refuse. */
static int destroy(void* object) {
  struct flock byte = {
      .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)(uintptr_t)object, .l_len = 1};
  if (fcntl(description, F_OFD_GETLK, &byte) != 0) return errno;
  return byte.l_type == F_UNLCK ? 0 : EBUSY;
}

static pid_t owner(const void* object) {
  return (pid_t)__atomic_load_n(&((const struct file_lock*)object)->owner, __ATOMIC_SEQ_CST);
}

const struct heirlock_subject* heirlock_subject(void) {
  static const struct heirlock_subject subject = {
      .abi = HEIRLOCK_SUBJECT_ABI,
      .size = sizeof(struct file_lock),
      .name = "file-lock",
      .summary = "sound: an open-file-description lock excludes, an owner word tells of deaths",
      .thread_enter = enter,
      .init = init,
      .lock = lock_,
      .trylock = trylock_,
      .unlock = unlock_,
      .consistent = consistent_,
      .destroy = destroy,
      .owner = owner,
  };
  return &subject;
}

const struct toy_expectation heirlock_toy_expectations[] = {{0}};
