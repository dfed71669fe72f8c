// SPDX-License-Identifier: Apache-2.0
// Counts attempts, keeps the clock and the limits, and asks the caller whether to go on.
#pragma once

#include <chrono>
#include <string>

#include "lab/race/object.hpp"
#include "lab/race/race.hpp"
#include "lab/race/tally.hpp"

namespace heirlock::lab::race {

class series {
 public:
  // Throws std::invalid_argument when the limits make no sense.
  series(const limits& bounds, const progress& report);

  [[nodiscard]] bool wants_more() const;
  void describe(std::string what) { result_.what = std::move(what); }
  void note_stalls(std::uint64_t so_far) { result_.stalls = so_far; }
  // One attempt is over.
  void add(const evidence& found);
  [[nodiscard]] const tally& result() const { return result_; }

 private:
  using clock = std::chrono::steady_clock;
  limits bounds_;
  progress report_;
  clock::time_point begin_;
  bool stopped_ = false;
  tally result_;
};

} // namespace heirlock::lab::race
