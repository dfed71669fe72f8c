// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/scenarios.hpp"

#include <array>

namespace heirlock::lab {

std::span<const scenario* const> all_scenarios() {
  static const std::array all = {
      &reuse_same_process_scenario(),  &reuse_other_process_scenario(),
      &remap_file_scenario(),          &waiter_asleep_scenario(),
      &owner_killed_scenario(),        &killed_while_locking_scenario(),
      &signal_in_window_scenario(),    &thread_exit_holding_scenario(),
      &join_then_free_scenario(),      &many_held_scenario(),
      &unmapped_while_held_scenario(),
  };
  return all;
}

const scenario* scenario_named(std::string_view name) {
  for (const scenario* s : all_scenarios())
    if (s->name() == name) return s;
  return nullptr;
}

} // namespace heirlock::lab
