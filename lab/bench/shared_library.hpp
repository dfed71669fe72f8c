// SPDX-License-Identifier: Apache-2.0
// heirlock's C API as a program meets it that links, or loads, the shared library. It is loaded beside the static
// one, and shares nothing with it: its own attachments, its own seats.
#pragma once

#include <heirlock/domain.hpp>
#include <heirlock/heirlock.h>

#include <cstdlib>

namespace heirlock::lab::bench {

// The functions of the table that a measurement needs.
struct shared_library {
  shared_library(); // throws trouble when the library cannot be found or loaded

  decltype(&heirlock_domain_open) domain_open;
  decltype(&heirlock_mutex_init) init;
  decltype(&heirlock_mutex_lock) lock;
  decltype(&heirlock_mutex_unlock) unlock;
  decltype(&heirlock_mutex_consistent) consistent;

  // A domain in a memory file of its own, without a name.
  heirlock_domain_t* nameless(unlock_mode mode, unsigned threads) const;
};

class heirlock_c {
 public:
  heirlock_c(const shared_library& library, heirlock_domain_t* domain);
  void lock() {
    if (library_.lock(&mutex_) != 0) std::abort();
  }
  void unlock() { library_.unlock(&mutex_); }
  void recover();

 private:
  // A copy, on a line of its own: as near as the table of a dynamically linked program, and as little contended.
  alignas(64) heirlock_mutex_t mutex_;
  alignas(64) const shared_library library_;
};

} // namespace heirlock::lab::bench
