/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life words: how one thread can know that another is dead without the kernel ever writing to a lock.
 *
 * Each thread takes a slot of a shared region for itself and keeps the slot's word, and nothing else, on
 * its robust list from thread_enter on: to the kernel it is a lock that the thread holds until it dies.
 * Locks name their owner by slot. A slot is never used again, so a dead slot stays dead, and what the
 * kernel writes at a death goes to the slot and never to memory of the user.
 *
 * The slot's word:
 *   TID                      the thread lives
 *   TID | WAITERS            the thread lives, and somebody may sleep on its slot
 *   OWNER_DIED [| WAITERS]   the thread is dead; the kernel wrote this
 *
 * WAITERS is set by whoever waits for the thread and is never cleared: stale set is legal and costs the
 * thread a system call in each unlock, stale clear would lose a wake-up.
 *
 * The region is mapped by the library's constructor, so all actors that are forked later share it at one
 * address. It has room for a million threads, far more than an audit starts; pages are made when touched.
 */
#ifndef HEIRLOCK_TOY_LIFE_H
#define HEIRLOCK_TOY_LIFE_H

#include "tests/audit/toy/toy.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "toy_syscall.h"

struct life {
  uint32_t word;
  uint32_t tid; /* the word loses it at the death */
  /* Counts the thread's unlocks that somebody may wait for. */
  uint32_t bell;
  uint32_t reserved;
  struct robust_list node;
  /* Of the thread's robust list. It is here because the reaper of the OOM killer leaves shared memory alone. */
  struct robust_list_head head;
};
_Static_assert(sizeof(struct life) == 48, "every word of a slot is accounted for");

enum { LIFE_CAPACITY = 1u << 20 };

struct life_region {
  uint32_t used;
  uint32_t reserved[15];
  struct life slot[LIFE_CAPACITY];
};

static struct life_region* life_region;

/* What a lock holds as its owner: the number of a slot plus one, 0 for none. */
typedef uint32_t life_name;

struct life_thread {
  struct robust_list_head* head;
  life_name name;
};
static __thread struct life_thread life_self __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void life_map(void) {
  void* region = mmap(NULL, sizeof(struct life_region), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  life_region = region == MAP_FAILED ? NULL : region;
}

TOY_STEP struct life* life_of(life_name name) {
  return &life_region->slot[name - 1];
}

TOY_STEP bool life_is_over(life_name name) {
  return __atomic_load_n(&life_of(name)->word, __ATOMIC_SEQ_CST) & FUTEX_OWNER_DIED;
}

/* Also after fork(): the child is another thread and takes a slot of its own. */
static int life_enter(void) {
  if (!life_region) return ENOMEM;
  const uint32_t slot = __atomic_fetch_add(&life_region->used, 1, __ATOMIC_RELAXED);
  if (slot >= LIFE_CAPACITY) return ENOSPC;
  life_self.name = slot + 1;
  struct life* life = life_of(life_self.name);
  life->tid = (uint32_t)toy_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
  life->word = life->tid;
  life_self.head = &life->head;
  life->node.next = &life_self.head->list;
  life_self.head->list.next = &life->node;
  life_self.head->futex_offset =
      (long)offsetof(struct life, word) - (long)offsetof(struct life, node);
  life_self.head->list_op_pending = NULL;
  return (int)-toy_syscall(SYS_set_robust_list, (long)life_self.head, sizeof *life_self.head, 0, 0,
                           0, 0);
}

#endif
