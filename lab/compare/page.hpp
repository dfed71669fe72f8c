// SPDX-License-Identifier: Apache-2.0
// The comparison as one page that needs nothing else: no network, no other file.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace heirlock::lab {

// HTML, UTF-8. The document is what `heirlock compare --json` prints; the page holds it and draws itself from it.
std::string comparison_page(const nlohmann::ordered_json& document);

} // namespace heirlock::lab
