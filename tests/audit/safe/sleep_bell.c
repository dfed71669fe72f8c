/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sleep-bell: the owner is named by its life word (toy/life.h); who waits sleeps on the owner's slot, never
 * on the lock. Needs futex_waitv (Linux 5.16), and a kernel that hands on the wake-up of a dying waiter
 * (Linux 6.2: an announced futex without an owner is woken, whatever its other bits).
 *
 * Lock
 *   L1 compare-and-exchange the owner word, 0 for our name: done if it was 0
 *   L2 the owner's life is over: compare-and-exchange its name for ours, told EOWNERDEAD
 *   L3 the owner lives: announce its life word as the pending operation
 *   L4 read the owner's bell
 *   L5 set WAITERS in its life word; if that life is over by now, go to L8
 *   L6 if the owner word names somebody else by now, go to L8
 *   L7 sleep on both the bell (as read in L4) and the life word (as set in L5)
 *   L8 if the life is over: wake all who sleep on the life word
 *   L9 withdraw the announcement, and again from L1
 * Unlock
 *   U1 exchange the owner word for 0 (or NOT_RECOVERABLE)
 *   U2 if WAITERS is set in the thread's own life word: add one to its own bell, wake all who sleep on it
 *
 * Why it is sound wherever a thread is killed. As in spin-bell, the change of hands is L1, L2 and U1 alone,
 * and the kernel writes to life words alone. What is left is that whoever sleeps is woken:
 *  - the owner lives on: L5 and L6 against U1 and U2 are a store and then a load on both sides, all
 *    sequentially consistent [bell]. Either the sleeper sees in L6 that the lock has changed hands, or the
 *    owner sees WAITERS in U2 and rings. The bell was read in L4, before L6, so a ring that comes before the
 *    sleep changes what L7 compares, and L7 does not sleep. Several locks of one owner share its bell: a
 *    ring for another lock wakes in vain, and each sleeper begins anew;
 *  - the owner is killed, be it between U1 and U2: the kernel marks the life word and, WAITERS being set,
 *    wakes one sleeper; whoever sees the mark before the sleep does not sleep, as L7 compares the word. The
 *    one who is woken wakes the rest in L8;
 *  - that one is killed too before L8 has woken the rest: until L9 its pending operation is the dead owner's
 *    life word, which has no owner, and the kernel then wakes one other. So the chain ends only when
 *    nobody sleeps there;
 *  - a waiter is killed while the owner lives: its announcement names a word that holds another's TID; the
 *    kernel lets it be, and the owner's ring wakes all, not one that might be dead.
 * The kernel never writes through the announcement: the word holds the owner's TID or none, never that of
 * the waiter.
 */
#include "tests/audit/toy/life_lock.h"

#include <limits.h>

TOY_STEP void wake_all(uint32_t* word) {
  toy_syscall(SYS_futex, (long)word, FUTEX_WAKE, INT_MAX, 0, 0, 0);
}

TOY_STEP void sleep_on_both(struct life* life, uint32_t bell, uint32_t word) {
  struct futex_waitv both[] = {
      {.val = bell, .uaddr = (uintptr_t)&life->bell, .flags = FUTEX_32},
      {.val = word, .uaddr = (uintptr_t)&life->word, .flags = FUTEX_32},
  };
  toy_syscall(SYS_futex_waitv, (long)both, sizeof both / sizeof both[0], 0, 0, 0, 0);
}

/* L3 to L9. Returns with or without a change; the caller looks again. */
TOY_STEP void wait_for(struct life_lock* lock, life_name owner) {
  struct life* life = life_of(owner);
  __atomic_store_n(&life_self.head->list_op_pending, &life->node, __ATOMIC_SEQ_CST);
  const uint32_t bell = __atomic_load_n(&life->bell, __ATOMIC_SEQ_CST);
  /* [bell] orders L5 before L6. */
  const uint32_t before = __atomic_fetch_or(&life->word, FUTEX_WAITERS, __ATOMIC_SEQ_CST);
  if (!(before & FUTEX_OWNER_DIED) && __atomic_load_n(&lock->owner, __ATOMIC_SEQ_CST) == owner)
    sleep_on_both(life, bell, before | FUTEX_WAITERS);
  if (life_is_over(owner)) wake_all(&life->word);
  __atomic_store_n(&life_self.head->list_op_pending, NULL, __ATOMIC_SEQ_CST);
}

TOY_OP int sleep_lock(void* object) {
  life_name owner;
  int result;
  while ((result = life_try_acquire(object, &owner)) == EBUSY)
    wait_for(object, owner);
  return result;
}

TOY_OP int sleep_unlock(void* object) {
  struct life_lock* lock = object;
  if (!life_owns(lock)) return EPERM;
  struct life* life = life_of(life_self.name);
  /* [bell] orders U1 before U2. */
  life_release(lock);
  if (__atomic_load_n(&life->word, __ATOMIC_SEQ_CST) & FUTEX_WAITERS) {
    __atomic_fetch_add(&life->bell, 1, __ATOMIC_SEQ_CST);
    wake_all(&life->bell);
  }
  return 0;
}

TOY_LIFE_SUBJECT("sleep-bell",
                 "sound: waiters sleep on the owner's life word and bell, not on the lock",
                 sleep_lock, life_trylock, sleep_unlock)

const struct toy_expectation heirlock_toy_expectations[] = {{0}};
