// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "lab/bench/suite.hpp"

namespace heirlock::lab::bench {

// Where it was measured: figures without that say nothing.
struct surroundings {
  std::string processor, kernel, libc;
  long processors = 0;
  double load = 0; // what else ran when the measurement began
};
surroundings look_around();

// Tables in Markdown, as docs/performance.md has them.
std::string text_report(const suite_results& results, const surroundings& where,
                        const suite_effort& effort);
nlohmann::ordered_json json_report(const suite_results& results, const surroundings& where,
                                   const suite_effort& effort);

} // namespace heirlock::lab::bench
