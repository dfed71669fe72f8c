// SPDX-License-Identifier: Apache-2.0
// Judges a storm by what its workers have noted and by who has died: nothing of the lock is asked. docs/storm.md says why
// each verdict is certain, and where either report is legal.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lab/storm/records.hpp"

namespace heirlock::lab::storm {

struct findings {
  std::uint64_t two_owners = 0;
  std::uint64_t unreported_deaths = 0;
  std::uint64_t false_deaths = 0;
  std::uint64_t unexpected_results = 0;
  std::vector<std::string> stories; // the first few, for people

  bool any() const {
    return two_owners + unreported_deaths + false_deaths + unexpected_results != 0;
  }
};

class oracle {
 public:
  explicit oracle(unsigned locks) : locks_(locks) {}

  // A thread is dead, and the kernel has done with it. This is what it was doing with one lock; `now` is that lock's
  // last ticket, read since. Before judging any event of somebody who may have learned of the death.
  void died(holding last, std::uint64_t now);

  // The events, in any order.
  void entered(unsigned lock, occupancy before, occupancy mine, bool before_was_dead);
  void displaced(unsigned lock, occupancy found, occupancy expected);
  void unexpected(std::uint32_t life, subject_step step, unsigned lock, int code);

  const findings& found() const { return found_; }
  // Deaths of owners whose successor was killed before it could note whether it had been told, and that one's
  // successor too. To be asked at the end; last: the locks' last tickets.
  std::uint64_t unjudged(const std::vector<std::uint64_t>& last) const;
  // Reports that only a death in a window explains, in which either report is legal.
  std::uint64_t reports_from_windows() const { return from_windows_; }

 private:
  // A death inside lock: it may have owned, with a ticket behind `seen` that was never noted, and at most `now` + 1.
  struct window {
    std::uint64_t seen, now;
    std::size_t report; // that it explains; none: not yet used
  };
  struct lock_history {
    // Owners that died, by their ticket; false: nobody knows yet whether the next owner was told.
    std::map<std::uint64_t, bool> owners;
    // Deaths between the clearing of `inside` and the end of unlock; true: its report has come.
    std::map<std::uint64_t, bool> releasers;
    std::vector<window> windows;        // `now` does not decrease
    std::vector<std::uint64_t> reports; // explained by a window: the tickets of those who were told
  };
  static constexpr std::size_t none = ~std::size_t{0};

  void successor_of_a_dead_owner(unsigned lock, std::uint64_t owner, bool told);
  bool explained(unsigned lock, std::uint64_t ticket);
  bool find_window(lock_history& in, std::size_t report, std::vector<bool>& tried);
  void tell(std::string story);

  std::vector<lock_history> locks_;
  findings found_;
  std::uint64_t from_windows_ = 0;
};

} // namespace heirlock::lab::storm
