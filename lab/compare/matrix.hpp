// SPDX-License-Identifier: Apache-2.0
// Subjects down, scenarios across, out of the audit documents of all cases.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace heirlock::lab {

// For people. Each cell: ok, or the verdicts with their number of kill points, over all operations; ok* where in one of
// them something that `ok` rests on has not come about. In as many tables
// below each other as it takes for no line to be longer than `columns`; one scenario stands in each in any case.
std::string matrix_text(const nlohmann::ordered_json& cases, std::size_t columns);

// What the stars of the table mean; empty where it has none.
std::string missing_premises_text(const nlohmann::ordered_json& cases);

} // namespace heirlock::lab
