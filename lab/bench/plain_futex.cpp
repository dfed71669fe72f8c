// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/plain_futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace heirlock::lab::bench {
namespace {

// As in src/core/mutex_lock.cpp.
constexpr int spin_pauses = 300, shortest_gap = 8, longest_gap = 32;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

} // namespace

bool plain_futex::spin(std::uint32_t as) {
  for (int gap = shortest_gap, paused = 0; paused < spin_pauses;
       paused += gap, gap = gap < longest_gap ? gap * 2 : gap) {
    for (int i = 0; i < gap; ++i)
      relax();
    std::uint32_t word = gap < longest_gap ? unlocked : word_.load(std::memory_order_relaxed);
    if (word == unlocked && word_.compare_exchange_strong(word, as, std::memory_order_acquire))
      return true;
  }
  return false;
}

void plain_futex::wait() {
  std::uint32_t as = locked;
  while (!spin(as)) {
    as = somebody_sleeps;
    if (word_.exchange(as, std::memory_order_acquire) == unlocked) return;
    if (syscall(SYS_futex, &word_, FUTEX_WAIT, as, nullptr, nullptr, 0) != 0 && errno != EAGAIN &&
        errno != EINTR)
      std::abort();
  }
}

void plain_futex::wake() {
  syscall(SYS_futex, &word_, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

} // namespace heirlock::lab::bench
