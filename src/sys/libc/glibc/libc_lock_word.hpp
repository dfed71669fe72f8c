// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <pthread.h>

// Where glibc keeps the futex word of a pthread_mutex_t.
namespace heirlock::sys {

inline constexpr std::uint32_t libc_kind = 1;
inline constexpr std::size_t libc_lock_word_offset = 0;
static_assert(offsetof(pthread_mutex_t, __data.__lock) == libc_lock_word_offset);

} // namespace heirlock::sys
