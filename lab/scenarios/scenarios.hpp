// SPDX-License-Identifier: Apache-2.0
// The crash situations of the instrument, one file each.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lab/audit/scenario.hpp"

namespace heirlock::lab {

const scenario& reuse_same_process_scenario();
const scenario& reuse_other_process_scenario();
const scenario& remap_file_scenario();
const scenario& waiter_asleep_scenario();
const scenario& woken_waiter_killed_scenario();
const scenario& owner_killed_scenario();
const scenario& killed_while_locking_scenario();
const scenario& signal_in_window_scenario();
const scenario& thread_exit_holding_scenario();
const scenario& join_then_free_scenario();
const scenario& many_held_scenario();
const scenario& unmapped_while_held_scenario();
const scenario& oom_kill_scenario();
const scenario& recursive_tid_reuse_scenario();
const scenario& list_32_scenario();

std::span<const scenario* const> all_scenarios();

// Those that can be performed on this machine, by this user, and ask for no other kernel than that policy. nullopt: for
// whatever kernel.
std::vector<const scenario*> scenarios_here(std::optional<std::string_view> policy = "stock");

struct lacking_scenario {
  const scenario* what;
  std::string lacks;
};
// The others, and why.
std::vector<lacking_scenario> scenarios_not_here();

// nullptr when there is none of that name.
const scenario* scenario_named(std::string_view name);

} // namespace heirlock::lab
