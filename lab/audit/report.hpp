// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "lab/audit/audit.hpp"

namespace heirlock::lab {

// How to run the audit of one case again, or of one kill point of it.
struct replay_command {
  std::string program = "heirlock";
  std::string extra; // options that chose the subject's surroundings, such as --libc

  std::string of(const case_report& report) const;
  std::string of(const case_report& report, unsigned kill_point) const;
};

// One line: counts by verdict.
std::string summary_line(const case_report& report);

// For people: the summary, then the window in disassembly with the offending instructions marked, then
// for each verdict, and each fate of the victim, what was seen and how to replay one kill point.
std::string text_report(const case_report& report, const replay_command& replay);

// A violation `corrupted` in one line: "Memory was corrupted by the kernel: BEFORE vs AFTER", or that it was not the kernel.
std::string corruption_line(const observation& seen);

// The kill points at which the kernel wrote into memory that was no longer the lock's.
std::vector<const violation*> written_by_the_kernel(const case_report& report);

// The window alone: the violating kill points and their neighbours.
std::string window_listing(const case_report& report);

// The document of the command-line contract.
nlohmann::ordered_json json_report(const case_report& report, const replay_command& replay);

} // namespace heirlock::lab
