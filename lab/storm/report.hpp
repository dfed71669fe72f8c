// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "lab/storm/storm.hpp"

namespace heirlock::lab::storm {

// The ways by their names on the command line, and the other way round; 0: unknown.
std::string names_of_ways(std::uint32_t ways);
std::uint32_t way_named(const std::string& name);
inline constexpr std::uint32_t all_ways = 63;

std::string text_report(const storm_report& report, std::uint64_t kills_asked);
nlohmann::ordered_json json_report(const storm_report& report);

} // namespace heirlock::lab::storm
