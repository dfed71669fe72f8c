// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "cli/verbs.hpp"
#include "lab/process/interrupt.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::cli {
namespace {

int run(int argc, char** argv) {
  CLI::App app(
      "Kills locks in shared memory at every instruction, and shows which of them survive it.\n"
      "Exit status: 0 nothing wrong found, 1 violations found, 2 trouble or wrong usage.",
      "heirlock");
  app.set_version_flag("--version", HEIRLOCK_VERSION);
  app.require_subcommand(1);
  action chosen;
  add_demo(app, chosen);
  add_reproduce(app, chosen);
  add_audit(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = error.get_exit_code() == 0;
    app.exit(error);
    return static_cast<int>(asked_for_help ? exit_status::nothing_wrong : exit_status::trouble);
  }
  lab::install_interrupt_handlers();
  return static_cast<int>(chosen());
}

} // namespace
} // namespace heirlock::cli

int main(int argc, char** argv) {
  using heirlock::cli::exit_status;
  try {
    return heirlock::cli::run(argc, argv);
  } catch (const heirlock::lab::interrupted&) {
    fmt::print(stderr, "heirlock: interrupted; every process that it started has been ended\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "heirlock: {}\n", error.what());
  }
  return static_cast<int>(exit_status::trouble);
}
