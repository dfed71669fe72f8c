// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "lab/bench/entrant.hpp"
#include "lab/bench/statistics.hpp"
#include "lab/bench/uncontended.hpp"

namespace heirlock::lab::bench {

// So many processes, each of which holds the lock for the section and stays outside for as long.
struct contended_cell {
  unsigned processes;
  unsigned section_ns;
};

struct contended_result {
  std::string name;
  spread throughput;  // million acquisitions a second, of wall-clock time
  spread to_baseline; // ratio to the first entrant, round by round
  spread share;       // acquisitions of the slowest process, relative to an equal part
};

struct contended_effort {
  unsigned window_ms;
  unsigned rounds;
  unsigned rounds_of_others; // of the entrants that serve for orientation only
};

// How long the busy part of a section is when nothing else is done: beside the number in its name, it tells whether
// the section is what it is called.
double section_alone_ns(contended_cell cell);

bool serves_for_orientation(const std::string& rival);

std::vector<contended_result> measure_contended(const std::vector<entrant>& entrants,
                                                contended_cell cell, contended_effort effort,
                                                const step_report& step);

} // namespace heirlock::lab::bench
