// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/sys/clock.hpp"

// State of the process as a whole: the lock around changes of it, and forks.
namespace heirlock::core {

// Excludes the threads of this process from attaching, claiming and detaching at the same time, and holds
// fork() off meanwhile, so that no child inherits a half-made attachment or a descriptor with a lock on it.
class process_lock {
 public:
  explicit process_lock(const sys::deadline* limit = nullptr) noexcept;
  ~process_lock();
  process_lock(const process_lock&) = delete;
  process_lock& operator=(const process_lock&) = delete;
  bool held() const noexcept { return held_; } // false: the deadline passed

 private:
  bool held_;
};

// Installs the fork handlers. Under the process lock. 0 or an errno value.
int prepare_for_forks() noexcept;

// Every slow operation calls this first: a child that was made without fork handlers (_Fork, raw clone) is
// recognised by a page that the kernel wipes, and gives up the seats that it has inherited by copy.
void notice_fork() noexcept;

// Called when the thread has locked its first bells: from then on libc's list of it is known, for a child.
void remember_robust_list() noexcept;

// Forgets all seats of the calling thread, which are another's now or given back.
void forget_seats() noexcept;

} // namespace heirlock::core
