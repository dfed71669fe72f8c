// SPDX-License-Identifier: Apache-2.0
// heirlock audit --at: the exhaustive kill for the user's own program.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/verbs.hpp"

namespace heirlock::cli {

struct audit_at_arguments {
  std::string function;
  int call = 1;
  std::string check;
  double check_timeout = 10;
  double timeout = 20;
  bool show_output = false;
  std::vector<std::string> command;
};

void add_audit_at_options(CLI::App& verb, audit_at_arguments& arguments);

// True when one of the options (or a program) was given that make sense with --at only.
bool is_audit_at(const CLI::App& verb);

// What of `audit` is shared: the kill point (negative: all) and the form of the report.
exit_status run_audit_at(const audit_at_arguments& arguments, int kill_point, bool json);

} // namespace heirlock::cli
