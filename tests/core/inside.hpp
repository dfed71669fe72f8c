// SPDX-License-Identifier: Apache-2.0
// What tests that look into a mutex share.
#pragma once

#include "tests/core/support.hpp"

#include <atomic>

namespace heirlock::test {

inline detail::mutex_cells& cells_of(heirlock::mutex& lock) {
  return reinterpret_cast<detail::mutex_cells&>(lock);
}

// When one thread takes all nine, the last three name the same bell.
struct nine {
  explicit nine(const domain& where)
      : locks{heirlock::mutex(where), heirlock::mutex(where), heirlock::mutex(where),
              heirlock::mutex(where), heirlock::mutex(where), heirlock::mutex(where),
              heirlock::mutex(where), heirlock::mutex(where), heirlock::mutex(where)} {}
  heirlock::mutex locks[9];
  std::atomic<bool> held{false}, release_one{false};
};

// Takes all, gives back the eighth when it is told to, and lives on.
inline int own_nine(nine& all) {
  for (heirlock::mutex& lock : all.locks)
    lock.lock();
  all.held = true;
  while (!all.release_one)
    usleep(100);
  all.locks[7].unlock();
  return pause();
}

} // namespace heirlock::test
