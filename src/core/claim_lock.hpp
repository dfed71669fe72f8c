// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"
#include "src/sys/clock.hpp"

namespace heirlock::core {

// Excludes all other processes from giving seats out or taking them back. The process lock must be held.
//
// An open-file-description lock, because the kernel drops it with the process and because process identity
// has no part in it: a robust mutex here would compare TIDs, which coincide between PID namespaces.
// The description is new each time and lives on in a mapping, not in a descriptor: a close_range() of
// another thread must not drop the lock in the middle of a claim.
class claim_lock {
 public:
  claim_lock(const attached_domain& domain, const sys::deadline* limit) noexcept;
  ~claim_lock();
  claim_lock(const claim_lock&) = delete;
  claim_lock& operator=(const claim_lock&) = delete;
  int error() const noexcept {
    return error_;
  } // 0: held; ETIMEDOUT; or why the file cannot be opened

 private:
  int error_ = 0; // before pin_, whose initialiser sets it
  void* pin_;
};

// Locks a byte of the file through a new description that lives in the mapping it returns.
// nullptr and an errno value when it cannot be had.
void* lock_byte_for_life(const attached_domain& domain, std::int64_t byte,
                         const sys::deadline* limit, int& error) noexcept;
void drop_byte(void* pin) noexcept;

} // namespace heirlock::core
