// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <linux/futex.h>
#include <pthread.h>

#include "libc_lock_word.hpp"

// A process-shared robust pthread mutex, seen as the word that the kernel marks when its owner dies.
//
//   word                          meaning
//   TID (| FUTEX_WAITERS)         held by a living thread
//   FUTEX_OWNER_DIED (| WAITERS)  the holder died, the kernel marked it
//   0                             never held, or given back
namespace heirlock::sys {

inline std::atomic<std::uint32_t>& lock_word(pthread_mutex_t& mutex) noexcept {
  return *reinterpret_cast<std::atomic<std::uint32_t>*>(reinterpret_cast<unsigned char*>(&mutex) +
                                                        libc_lock_word_offset);
}

constexpr bool is_held(std::uint32_t word) noexcept {
  return (word & FUTEX_OWNER_DIED) == 0 && (word & FUTEX_TID_MASK) != 0;
}

void init_robust(pthread_mutex_t& mutex) noexcept;

// The calling thread's robust list, as libc has registered it; nullptr: none.
robust_list_head* robust_list_of_thread() noexcept;
// Empties and registers the list of the one thread of a child process. The child owns nothing, but its copy of
// the list still links the parent's mutexes, and the next robust lock would write into them: musl leaves that
// so in every fork, glibc in a child that it knows nothing of.
void restart_robust_list(robust_list_head& list) noexcept;

} // namespace heirlock::sys
