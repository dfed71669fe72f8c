// SPDX-License-Identifier: Apache-2.0
#include "src/core/claim_lock.hpp"

#include "src/sys/file.hpp"

#include <cerrno>

namespace heirlock::core {

void* lock_byte_for_life(const attached_domain& domain, std::int64_t byte,
                         const sys::deadline* limit, int& error) noexcept {
  const int descriptor = open_anew(domain);
  if (descriptor < 0) {
    error = -descriptor;
    return nullptr;
  }
  void* pin = nullptr;
  error = -sys::lock_byte(descriptor, byte, limit);
  if (error == 0) {
    pin = sys::map_pin(descriptor);
    if (pin == nullptr) error = ENOMEM;
  }
  sys::close_file(descriptor);
  return pin;
}

void drop_byte(void* pin) noexcept {
  sys::unmap(pin, 1);
}

claim_lock::claim_lock(const attached_domain& domain, const sys::deadline* limit) noexcept
    : pin_(lock_byte_for_life(domain, claim_lock_byte, limit, error_)) {}

claim_lock::~claim_lock() {
  if (pin_ != nullptr) drop_byte(pin_);
}

} // namespace heirlock::core
