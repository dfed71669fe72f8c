// SPDX-License-Identifier: Apache-2.0
// What a C library's thread exit has to know of the mutexes that it finds on a thread's list. The library of this protocol
// marks those that are not robust; any other word in that place belongs to a mutex of somebody else.
#pragma once

#include <cstdint>
#include <linux/futex.h>

namespace heirlock::lab::robust {

enum class mutex_kind : std::uint32_t {
  recursive = 0x72637276,
  errorcheck = 0x65636b76,
};

// From the futex word to the mutex's kind.
inline constexpr std::uint64_t kind_distance = 24;

// No thread has it: the kernel gives out TIDs below 2^22.
inline constexpr std::uint32_t unmatchable_tid = FUTEX_TID_MASK;

} // namespace heirlock::lab::robust
