// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"
#include "src/sys/clock.hpp"

namespace heirlock::core {

// Excludes all other processes from giving seats out or taking them back. The process lock must be held. Tried once:
// who finds it taken gives the process lock back before it tries again (under_claim_lock, open_domain).
//
// An open-file-description lock, because the kernel drops it with the process and because process identity
// has no part in it: a robust mutex here would compare TIDs, which coincide between PID namespaces.
// The description is new each time and lives on in a mapping, not in the descriptor alone: a close_range() of
// another thread must not drop the lock in the middle of a claim.
class claim_lock {
 public:
  explicit claim_lock(attached_domain& domain) noexcept;
  ~claim_lock();
  claim_lock(const claim_lock&) = delete;
  claim_lock& operator=(const claim_lock&) = delete;
  int error() const noexcept {
    return error_;
  } // 0: held; taken: try again; or why the file cannot be opened

 private:
  attached_domain& domain_;
  void* pin_ = nullptr;
  int error_;
};

// How who found the claim lock taken waits for another attempt. Never with the process lock: fork() and claims in other
// domains would wait for whoever has this one.
class claim_wait {
 public:
  explicit claim_wait(const sys::deadline* limit) noexcept : limit_(limit) {}
  // `open` opens the domain's file anew. False: the time is up.
  template <class Open>
  bool wait(Open open) noexcept {
    const bool first = first_;
    first_ = false;
    // Without a limit in the kernel. If that did not help, somebody may be held up in such a wait: then not as fast as it goes.
    if (limit_ == nullptr && sleep_until_free(open()) && first) return true;
    return pause_.sleep(limit_);
  }

 private:
  static bool sleep_until_free(int descriptor) noexcept;

  const sys::deadline* limit_;
  sys::attempt_pause pause_;
  bool first_ = true;
};

// Locks the process's byte for its life, in domain.liveness_pin. taken: try another byte.
int lock_for_life(attached_domain& domain, std::int64_t byte) noexcept;

// In a child: the locks whose descriptors it has inherited are its parent's. Whoever has a copy keeps them alive.
void close_inherited_locks(attached_domain& domain) noexcept;

} // namespace heirlock::core
