// SPDX-License-Identifier: Apache-2.0
// A kill storm: processes use a lock as applications do, and are killed at moments that are chosen by chance, aimed by
// what they are doing.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lab/storm/oracle.hpp"
#include "lab/storm/victim_state.hpp"

namespace heirlock::lab::storm {

struct storm_options {
  std::string subject; // a built-in lock's name, or the path of a shared library
  settings chosen;
  std::uint64_t kills = 1000;
  std::function<void(std::size_t, std::size_t)> progress;
};

struct storm_report {
  std::string subject, policy, libc;
  settings chosen; // without the ways that the lock does not have
  std::uint64_t kills = 0, execs = 0, exits_holding = 0, drains = 0;
  std::uint64_t acquisitions = 0, reports = 0, given_up = 0;
  std::uint64_t hangs = 0, crashes = 0;
  findings found;
  std::uint64_t reports_from_windows = 0, unjudged = 0;
  std::optional<heirlock_storm_counters> counters;                      // if the lock tells
  std::array<std::optional<std::uint64_t>, victim_states> killed_while; // nullopt: no such state
  std::map<std::string, std::uint64_t> doing; // kills by the lock's own words, inside lock
  double seconds = 0;
  std::vector<std::string> stories;

  bool violated() const {
    return hangs + crashes != 0 || found.any() || (counters && counters->backstop_rescues != 0);
  }
  // States that were not tried enough, below one kill in a hundred.
  std::vector<victim_state> neglected() const;
};

// Runs until so many processes were killed, or a violation is found. Throws trouble, and `interrupted`.
storm_report run_storm(const storm_options& options);

} // namespace heirlock::lab::storm
