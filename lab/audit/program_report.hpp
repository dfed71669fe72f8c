// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "lab/audit/program_audit.hpp"

namespace heirlock::lab {

// Kill points that were judged and found at fault.
bool has_violations(const program_report& report);

// For people: the summary, the window in disassembly, what the check said, how to replay one. `replay`
// is the command line without --kill-point, up to the double dash; the program's own words follow it.
std::string text_report(const program_report& report, const std::string& replay);

// The document of the command-line contract, and every kill point with what the kernel did there.
nlohmann::ordered_json json_report(const program_report& report, const std::string& replay);

// A word as a shell reads it back.
std::string shell_quoted(const std::string& word);

} // namespace heirlock::lab
