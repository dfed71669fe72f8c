// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lab/bench/entrant.hpp"
#include "lab/bench/statistics.hpp"

namespace heirlock::lab::bench {

// Called between two samples with the time that they are expected to take; shows progress, and may throw.
using step_report = std::function<void(double milliseconds)>;

struct uncontended_result {
  std::string name;
  spread nanoseconds; // of a lock and an unlock, in CPU time of the calling thread
  spread to_baseline; // ratio to the first entrant, round by round
  spread to_second;   // to the second one
};

// Interleaved: in each round every entrant is sampled once.
std::vector<uncontended_result> measure_uncontended(const std::vector<entrant>& entrants,
                                                    unsigned rounds, const step_report& step);

// One sample: nanoseconds of CPU time for each of so many locks and unlocks.
double sample_uncontended(const entrant& lock, std::uint64_t times);
// How many locks and unlocks take about a millisecond.
std::uint64_t times_for_a_sample(const entrant& lock);

} // namespace heirlock::lab::bench
