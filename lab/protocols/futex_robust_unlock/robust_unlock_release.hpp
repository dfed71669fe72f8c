// SPDX-License-Identifier: Apache-2.0
// The release of a robust_mutex as Linux 7.2 has it:
//
//   3. old = compare-exchange(word, TID -> 0)   RELEASES, when nobody waits           } the vDSO's try-unlock;
//   4. if old was the TID: pending = 0, done                                         } the kernel completes 4
//   5. futex(word, FUTEX_WAKE | FUTEX_ROBUST_UNLOCK, 1, -, &pending): word = 0, which RELEASES, pending = 0, wake
//
// A death before 3 succeeds, or before 5, leaves the thread's TID in the word, and the pending operation leads the kernel
// to it. After 3 the kernel makes 4 good before it lets the thread die, or run a signal handler. 5 is one system call.
//
// Where the kernel does not know the flag (probed by the first thread of each process) the release is the classic one.
#pragma once

#include <cstdint>

#include "lab/protocols/robust_list/thread_list.hpp"

namespace heirlock::lab::robust {

struct robust_unlock_release {
  static int thread_enter() noexcept;
  static void release(std::uint32_t& word, thread_list& list) noexcept;
};

} // namespace heirlock::lab::robust
