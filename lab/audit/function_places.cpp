// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/function_places.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lab/audit/symbols.hpp"
#include "lab/process/mappings.hpp"
#include "lab/process/registers.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

std::string layout_of(thread_id process) {
  std::string layout;
  for (const mapping& m : mappings_of(process))
    if (m.executable && m.path.starts_with('/'))
      layout += fmt::format("{:x} {} {}\n", m.start.value, m.inode, m.path);
  return layout;
}

} // namespace

const std::vector<remote_address>& function_places::in(thread_id process) {
  const auto [known, is_new] = known_.try_emplace(layout_of(process));
  if (!is_new) return known->second;
  const symbol_table symbols(process);
  known->second = symbols.functions_named(name_);
  if (known->second.size() > most_hardware_breakpoints) {
    std::string places;
    for (const remote_address place : known->second)
      places += fmt::format("\n  {:#x} in {}", place.value, symbols.locate(place).module);
    throw trouble(fmt::format("{} functions are named {}, and only {} can be watched at once; name "
                              "one by its full (mangled) symbol:{}",
                              known->second.size(), name_, most_hardware_breakpoints, places));
  }
  was_found_ = was_found_ || !known->second.empty();
  for (std::string& module : symbols.modules())
    if (module.starts_with('/') &&
        std::find(searched_.begin(), searched_.end(), module) == searched_.end())
      searched_.push_back(std::move(module));
  return known->second;
}

std::string function_places::searched() const {
  std::string list;
  for (const std::string& file : searched_)
    list += fmt::format("{}{}", list.empty() ? "" : ", ", file);
  return list.empty() ? "nothing (the program did not come to its entry point)" : list;
}

} // namespace heirlock::lab
