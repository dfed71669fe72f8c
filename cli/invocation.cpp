// SPDX-License-Identifier: Apache-2.0
#include "cli/invocation.hpp"

#include "lab/audit/program_report.hpp"

namespace heirlock::cli {
namespace {

std::string called_as = "heirlock";

} // namespace

void note_invocation(const char* program) {
  // An empty vector of arguments is legal.
  if (program != nullptr && *program != '\0') called_as = program;
}

std::string invocation() {
  return lab::shell_quoted(called_as);
}

} // namespace heirlock::cli
