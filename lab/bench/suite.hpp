// SPDX-License-Identifier: Apache-2.0
// All measurements of one run, and what is chosen of them.
//
//   uncontended/RIVAL             contended/PROCESSESxSECTIONns/RIVAL
//   recovery/RIVAL                growth/held|domains|dead-seats/RIVAL
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lab/bench/contended.hpp"
#include "lab/bench/growth.hpp"
#include "lab/bench/recovery.hpp"
#include "lab/bench/uncontended.hpp"

namespace heirlock::lab::bench {

struct contended_results {
  contended_cell cell;
  double section_alone_ns;
  std::vector<contended_result> results;
};

struct suite_results {
  std::vector<uncontended_result> uncontended;
  std::vector<contended_results> contended;
  std::vector<recovery_result> recovery;
  std::vector<growth_result> growth;
};

struct suite_effort {
  unsigned uncontended_rounds, growth_rounds, recovery_rounds;
  contended_effort contended;
};
inline constexpr suite_effort whole_effort = {101, 41, 101, {800, 5, 2}};
inline constexpr suite_effort quick_effort = {21, 11, 25, {200, 3, 1}};

// The names of the cases that a regular expression finds, all when it is empty. The baseline of a ratio is measured
// with the others of its group, whether or not it is named. Throws trouble when the expression is none, or finds
// nothing.
std::vector<std::string> chosen_cases(const std::string& filter);

// done and of are milliseconds, as far as they can be foretold.
using suite_progress = std::function<void(const std::string& what, double done, double of)>;
suite_results run_suite(const std::vector<std::string>& cases, const suite_effort& effort,
                        const suite_progress& progress);

} // namespace heirlock::lab::bench
