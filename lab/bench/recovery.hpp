// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "lab/bench/entrant.hpp"
#include "lab/bench/statistics.hpp"
#include "lab/bench/uncontended.hpp"

namespace heirlock::lab::bench {

struct recovery_result {
  std::string name;
  spread microseconds;      // from the owner's SIGKILL to a sleeping waiter's having the lock
  double medians_ratio = 0; // of the medians, to the first entrant's
  spread to_baseline;       // round by round
};

// Only for entrants that can recover(). Interleaved like the others.
std::vector<recovery_result> measure_recovery(const std::vector<entrant>& entrants, unsigned rounds,
                                              const step_report& step);

} // namespace heirlock::lab::bench
