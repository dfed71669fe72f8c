// SPDX-License-Identifier: Apache-2.0
// A rival whose type is forgotten, but for the loops, which are compiled for it: what is measured is the lock inlined
// into its use, and not a call through a table.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "lab/bench/rivals.hpp"

namespace heirlock::lab::bench {

// What keeps a competitor busy. Each turn needs the result of the one before, also across calls, so a turn takes as
// long as a multiplication does, wherever the loop has come to lie. (Of a loop that only counts, processors do one
// turn or two in a cycle: sections were half as long as they were called.)
class busywork {
 public:
  void turns(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      asm volatile("" : "+r"(chain_));
      chain_ *= 0x9e3779b97f4a7c15; // odd, so that it never becomes 0
    }
    asm volatile("" : "+r"(chain_));
  }

 private:
  std::uint64_t chain_ = 1;
};

// What a competitor for a lock does until it is told to stop.
struct contention {
  const std::atomic<bool>& stop;
  std::uint64_t& data;   // changed in the section, so that its line travels with the lock
  std::uint64_t inside;  // turns of busywork in the section
  std::uint64_t outside; // and between two sections
};

struct entrant {
  std::string name;
  // In each new process, before anything else; warm_up() where the lock can be had.
  std::function<void()> begin_process, warm_up;
  std::function<void(std::uint64_t)> lock_and_unlock;
  std::function<std::uint64_t(const contention&)> compete; // returns how often it had the lock
  std::function<void()> lock, unlock;
  std::function<void()> recover; // empty: the lock does not outlive its owner
  std::shared_ptr<void> storage; // what it stands on
};

// The memory of the lock must be shared with children, and live as long as the entrant: storage keeps it.
template <rival Lock>
entrant entrant_of(std::string name, Lock& lock, std::shared_ptr<void> storage) {
  entrant made;
  made.name = std::move(name);
  made.storage = std::move(storage);
  made.begin_process = [&lock] {
    if constexpr (told_of_processes<Lock>) lock.begin_process();
  };
  made.warm_up = [&lock] { // what only the first use costs is over before anything is measured
    lock.lock();
    lock.unlock();
  };
  made.lock_and_unlock = [&lock](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      lock.lock();
      lock.unlock();
    }
  };
  made.compete = [&lock](const contention& order) {
    std::uint64_t acquisitions = 0;
    busywork work;
    while (!order.stop.load(std::memory_order_relaxed)) {
      lock.lock();
      ++order.data;
      work.turns(order.inside);
      lock.unlock();
      ++acquisitions;
      work.turns(order.outside);
    }
    return acquisitions;
  };
  made.lock = [&lock] { lock.lock(); };
  made.unlock = [&lock] { lock.unlock(); };
  if constexpr (recoverable<Lock>) made.recover = [&lock] { lock.recover(); };
  return made;
}

// The names of all rivals, in the order of a report. The first is the baseline of every ratio.
inline constexpr const char* all_rivals[] = {"glibc-robust",
                                             "glibc-normal",
                                             "boost-interprocess",
                                             "ofd-file-lock",
                                             "sysv-sem-undo",
                                             "heirlock",
                                             "heirlock-asymmetric",
                                             "heirlock-shared",
                                             "heirlock-shared-asymmetric",
                                             "floor"};
inline constexpr const char* baseline = all_rivals[0];

// Makes the rival of that name.
entrant make_entrant(const std::string& name);

} // namespace heirlock::lab::bench
