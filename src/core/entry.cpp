// SPDX-License-Identifier: Apache-2.0
#include "src/core/entry.hpp"

#include "src/core/claim.hpp"
#include "src/core/process.hpp"

#include <cerrno>

namespace heirlock::core {

int domain_of(const mutex_cells& mutex, const sys::deadline* limit,
              attached_domain*& domain) noexcept {
  if (!is_aligned(mutex)) return EINVAL;
  const std::uint32_t id = mutex.domain_id.load(std::memory_order_relaxed);
  if (id == 0) return EINVAL;
  domain = find_domain(id);
  if (domain != nullptr) return 0;
  // The mutex may be of the default domain, which this process has had no reason to attach to so far, and which
  // exists if it is. An id that is not the default's is refused: to adopt it would be to trust a table that was not
  // chosen.
  int error = 0;
  domain = default_domain(false, limit, error);
  if (domain == nullptr) return error == ETIMEDOUT ? ETIMEDOUT : EXDEV;
  return domain->id == id ? 0 : EXDEV;
}

int enter(const mutex_cells& mutex, attached_domain*& domain, const sys::deadline* limit) noexcept {
  notice_fork();
  if (const int error = domain_of(mutex, limit, domain)) return error;
  return claim_seat(*domain, limit);
}

int enter_as_owner(const mutex_cells& mutex, attached_domain*& domain) noexcept {
  notice_fork();
  if (const int error = domain_of(mutex, nullptr, domain)) return error;
  return resume_seat(*domain) ? 0 : EPERM;
}

} // namespace heirlock::core
