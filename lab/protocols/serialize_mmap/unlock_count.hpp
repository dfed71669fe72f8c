// SPDX-License-Identifier: Apache-2.0
// How many threads of this process are unlocking: the guard of the subjects whose mapping calls wait for that.
//
//   0. unlocking + 1    1 to 6. the classic unlock    7. unlocking - 1
//
// A death between 0 and 7 ends the process, and the count with it. Other processes have their own: what they do waits for
// nobody here.
//
// Whoever waits for 0 need not keep new unlocks out: only those matter that had released the mutex in the memory that goes
// away, and the caller saw their step 0 when it acquired that mutex after them.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "lab/protocols/guarded/guarded_mutex.hpp"

namespace heirlock::lab {

struct unlock_count {
  static int thread_enter() noexcept {
    // A forked child inherits the number, but not the threads that it counts.
    const pid_t now = ::getpid();
    if (process.exchange(now, std::memory_order_relaxed) != now) unlocking = 0;
    return 0;
  }
  void init() noexcept {}
  // Relaxed: the release of step 4 publishes it.
  static robust::no_token enter(const void*) noexcept {
    unlocking.fetch_add(1, std::memory_order_relaxed); // 0
    return {};
  }
  // Release, paired with the acquire load of the wait: the pending operation has been cleared.
  static void leave(robust::no_token) noexcept {
    unlocking.fetch_sub(1, std::memory_order_release); // 7
  }
  static void wait_for_unlocks() noexcept {
    while (unlocking.load(std::memory_order_acquire) != 0)
      ::sched_yield();
  }

 private:
  static inline std::atomic<std::uint32_t> unlocking;
  static inline std::atomic<pid_t> process; // whose count it is
};

} // namespace heirlock::lab
