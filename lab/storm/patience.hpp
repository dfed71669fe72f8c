// SPDX-License-Identifier: Apache-2.0
// Whether threads that should come to an end still can, on a machine that may be busy.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lab/storm/arena.hpp"

namespace heirlock::lab::storm {

struct watched {
  unsigned place, thread;
  const thread_record* record;
};

// Of one drain. Nothing else acts meanwhile: nobody is killed, nobody is started.
class patience {
 public:
  // Waits that end by themselves end within `longest_timeout`.
  explicit patience(std::chrono::milliseconds longest_timeout);

  // Looks at those that have not come to rest. True: they hang. Each has been asleep, or has burnt processor time
  // without a step, for longer than anything that could still help it takes. Time in which a thread waits for a
  // processor does not count, so a busy machine is not taken for a hang. Throws trouble when it goes on for ever.
  bool lost(const std::vector<watched>& restless);
  std::string describe(const std::vector<watched>& restless) const;

 private:
  using clock = std::chrono::steady_clock;
  struct look {
    std::uint64_t steps = 0;
    clock::time_point last_seen_awake;
    std::chrono::nanoseconds cpu_at_last_step{0};
    bool asleep = false;
  };

  std::chrono::milliseconds longest_sleep_;
  clock::time_point begin_ = clock::now();
  std::map<const thread_record*, look> looks_;
};

} // namespace heirlock::lab::storm
