// SPDX-License-Identifier: Apache-2.0
// Names from the command line as what they name; unknown ones are trouble that lists the known.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/audit/scenario.hpp"
#include "lab/kernel/policy.hpp"

namespace heirlock::cli {

// What the actor program is to load for a subject: a built-in name, or the path of a library. Throws trouble for
// anything else.
std::string chosen_subject(const std::string& name);

// All of them when no name is given.
std::vector<lab::operation> chosen_operations(const std::vector<std::string>& names);
// When no name is given: all that can be performed here, but those that need another policy. nullopt: whatever policy.
std::vector<const lab::scenario*> chosen_scenarios(const std::vector<std::string>& names,
                                                   std::optional<std::string_view> policy);
// Those that cannot, each with the reason.
nlohmann::ordered_json scenarios_left_out(const std::vector<std::string>& names);
std::string left_out_text(const nlohmann::ordered_json& left_out);
const lab::kernel::policy& chosen_policy(const std::string& name);

// What may be chosen, for people.
void print_choices();
// The same as a document.
nlohmann::ordered_json choices_document();

} // namespace heirlock::cli
