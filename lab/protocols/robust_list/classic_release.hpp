// SPDX-License-Identifier: Apache-2.0
// The release that every libc has used since robust lists exist, and that the discussion is about:
//
//   4. old = exchange(word, 0)   RELEASES: others may take, destroy and reuse the lock from here on
//   5. if old has FUTEX_WAITERS: wake one
//   6. pending = 0
//
// A thread that dies after 4 and before 6 leaves the kernel a pending operation that names foreign memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab/protocols/robust_list/lock_word.hpp"
#include "lab/protocols/robust_list/thread_list.hpp"

namespace heirlock::lab::robust {

struct classic_release {
  static int thread_enter() noexcept { return 0; }

  template <class List>
  static void release(std::uint32_t& word, List& list) noexcept {
    // Release order, paired with the acquire order of L2.
    const std::uint32_t old =
        std::atomic_ref<std::uint32_t>(word).exchange(0, std::memory_order_release);       // 4
    if (has_waiters(old)) ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0); // 5
    list.head.pending = nullptr;                                                           // 6
  }
};

} // namespace heirlock::lab::robust
