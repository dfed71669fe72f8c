// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"

namespace heirlock::core {

using detail::mutex_cells;

// How an operation finds the domain that a mutex belongs to, and the caller's seat in it.
//   EINVAL: the mutex was never initialised    EXDEV: its domain is not attached here
int domain_of(const mutex_cells& mutex, attached_domain*& domain) noexcept;
// For operations that may make the caller an owner: claims a seat if it has none. The current one afterwards.
int enter(const mutex_cells& mutex, attached_domain*& domain, const sys::deadline* limit) noexcept;
// For operations of an owner: EPERM if the caller has no seat.
int enter_as_owner(const mutex_cells& mutex, attached_domain*& domain) noexcept;

inline bool owned_by_caller(std::uint64_t word) noexcept {
  return (word ^ heirlock_self.identity) < detail::same_owner_limit;
}

} // namespace heirlock::core
