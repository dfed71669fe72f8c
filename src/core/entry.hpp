// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"

namespace heirlock::core {

using detail::mutex_cells;

// How an operation finds the domain that a mutex belongs to, and the caller's seat in it.
//   EINVAL: the mutex was never initialised    EXDEV: its domain is not attached here
//   ETIMEDOUT: it may be of the default domain, which could not be attached to in time
int domain_of(const mutex_cells& mutex, const sys::deadline* limit,
              attached_domain*& domain) noexcept;
// For operations that may make the caller an owner: claims a seat if it has none. The current one afterwards.
int enter(const mutex_cells& mutex, attached_domain*& domain, const sys::deadline* limit) noexcept;
// For operations of an owner: EPERM if the caller has no seat.
int enter_as_owner(const mutex_cells& mutex, attached_domain*& domain) noexcept;

// The kernel sleeps on aligned words only.
inline bool is_aligned(const mutex_cells& mutex) noexcept {
  return reinterpret_cast<std::uintptr_t>(&mutex) % alignof(mutex_cells) == 0;
}

inline bool owned_by_caller(std::uint64_t word) noexcept {
  return (word ^ heirlock_self.identity) < detail::same_owner_limit;
}

} // namespace heirlock::core
