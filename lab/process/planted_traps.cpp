// SPDX-License-Identifier: Apache-2.0
#include "lab/process/planted_traps.hpp"

#include <algorithm>

#include "lab/process/registers.hpp"
#include "lab/process/remote_memory.hpp"

namespace heirlock::lab {

void planted_traps::plant(thread_id process, std::span<const remote_address> places) {
  take_out(process);
  traps_.clear();
  traps_.reserve(places.size());
  for (const remote_address place : places) {
    trap added = {place, std::vector<std::byte>(trap_instruction().size())};
    read_memory(process, place, added.replaced);
    traps_.push_back(std::move(added));
  }
  plant_again(process);
}

void planted_traps::plant_again(thread_id process) const {
  for (const trap& each : traps_)
    write_memory(process, each.place, trap_instruction());
}

void planted_traps::take_out(thread_id process) const {
  for (const trap& each : traps_)
    if (!try_write_memory(process, each.place, each.replaced)) return;
}

bool planted_traps::stood_at(remote_address place) const {
  return std::any_of(traps_.begin(), traps_.end(),
                     [place](const trap& each) { return each.place == place; });
}

} // namespace heirlock::lab
