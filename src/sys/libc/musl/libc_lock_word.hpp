// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <pthread.h>

// Where musl keeps the futex word of a pthread_mutex_t: the second int, after the type.
namespace heirlock::sys {

inline constexpr std::uint32_t libc_kind = 2;
inline constexpr std::size_t libc_lock_word_offset = sizeof(int);
static_assert(sizeof(pthread_mutex_t) == 10 * sizeof(int));

} // namespace heirlock::sys
