// SPDX-License-Identifier: Apache-2.0
// Subjects down, scenarios across, out of the audit documents of all cases.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace heirlock::lab {

// For people. Each cell: ok, or the verdicts with their number of kill points, over all operations.
std::string matrix_text(const nlohmann::ordered_json& cases);

} // namespace heirlock::lab
