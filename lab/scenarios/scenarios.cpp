// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/scenarios.hpp"

#include <array>

namespace heirlock::lab {

std::span<const scenario* const> all_scenarios() {
  static const std::array all = {
      &reuse_same_process_scenario(),
      &reuse_other_process_scenario(),
      &remap_file_scenario(),
      &waiter_asleep_scenario(),
      &woken_waiter_killed_scenario(),
      &owner_killed_scenario(),
      &killed_while_locking_scenario(),
      &signal_in_window_scenario(),
      &thread_exit_holding_scenario(),
      &join_then_free_scenario(),
      &many_held_scenario(),
      &unmapped_while_held_scenario(),
      &recursive_tid_reuse_scenario(),
      &oom_kill_scenario(),
      &list_32_scenario(),
  };
  return all;
}

std::vector<const scenario*> scenarios_here(std::optional<std::string_view> policy) {
  std::vector<const scenario*> found;
  for (const scenario* s : all_scenarios())
    if (s->why_not_here().empty() &&
        (!policy || s->needs_policy().empty() || s->needs_policy() == *policy))
      found.push_back(s);
  return found;
}

std::vector<lacking_scenario> scenarios_not_here() {
  std::vector<lacking_scenario> found;
  for (const scenario* s : all_scenarios())
    if (auto lacks = s->why_not_here(); !lacks.empty()) found.push_back({s, std::move(lacks)});
  return found;
}

const scenario* scenario_named(std::string_view name) {
  for (const scenario* s : all_scenarios())
    if (s->name() == name) return s;
  return nullptr;
}

} // namespace heirlock::lab
