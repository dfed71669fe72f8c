// SPDX-License-Identifier: Apache-2.0
// A variant's table of functions.
#pragma once

#include "lab/protocols/subject_entry.hpp"

namespace heirlock::lab::variants {

template <class Mutex>
struct subject_of {
  static Mutex& at(void* lock) { return *static_cast<Mutex*>(lock); }
  static int init(void* lock) { return at(lock).init(), 0; }
  static int lock(void* lock) { return at(lock).lock(); }
  static int trylock(void* lock) { return at(lock).trylock(); }
  static int timedlock(void* lock, const timespec* deadline) {
    return at(lock).timedlock(*deadline);
  }
  static int unlock(void* lock) { return at(lock).unlock(); }
  static int consistent(void* lock) { return at(lock).consistent(); }
  static int destroy(void* lock) { return at(lock).destroy(); }
  static pid_t owner(const void* lock) { return static_cast<const Mutex*>(lock)->owner(); }

  static heirlock_subject named(const char* name, const char* summary, int (*thread_enter)()) {
    heirlock_subject subject = {};
    subject.abi = HEIRLOCK_SUBJECT_ABI;
    subject.size = sizeof(Mutex);
    subject.name = name;
    subject.summary = summary;
    subject.thread_enter = thread_enter;
    subject.init = init;
    subject.lock = lock;
    subject.trylock = trylock;
    subject.timedlock = timedlock;
    subject.unlock = unlock;
    subject.consistent = consistent;
    subject.destroy = destroy;
    subject.owner = owner;
    return subject;
  }
};

} // namespace heirlock::lab::variants
