// SPDX-License-Identifier: Apache-2.0
// Does the uncontended path cost more where there is more of something? Of heirlock's own lock alone.
#pragma once

#include <string>
#include <vector>

#include "lab/bench/statistics.hpp"
#include "lab/bench/uncontended.hpp"

namespace heirlock::lab::bench {

inline constexpr unsigned many_held = 10'000;
inline constexpr unsigned many_domains = 16; // as many as a process may be attached to
inline constexpr unsigned many_dead = 500;

struct growth_result {
  std::string what;   // "held", "domains", "dead-seats"
  std::string name;   // heirlock, heirlock-asymmetric
  unsigned few, many; // of it
  spread nanoseconds_with_few, nanoseconds_with_many;
  spread ratio; // many to few, round by round
};

inline constexpr const char* all_growths[] = {"held", "domains", "dead-seats"};

growth_result measure_growth(const std::string& what, const std::string& rival, unsigned rounds,
                             const step_report& step);

} // namespace heirlock::lab::bench
