// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>

#include "cli/verbs.hpp"
#include "lab/process/interrupt.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::cli {
namespace {

std::string names_of_verbs(const CLI::App& app) {
  std::string names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names += (names.empty() ? " " : ", ") + verb->get_name();
  return names;
}

int run(int argc, char** argv) {
  CLI::App app(
      "Kills locks in shared memory at every instruction, and shows which of them survive it.\n"
      "Exit status: 0 nothing wrong found, 1 violations found, 2 trouble or wrong usage.",
      "heirlock");
  app.set_version_flag("--version", HEIRLOCK_VERSION);
  // At most one. That there is none is said below: CLI11 would say it of a misspelt verb, without naming it.
  app.require_subcommand(0, 1);
  action chosen;
  add_demo(app, chosen);
  add_reproduce(app, chosen);
  add_audit(app, chosen);
  add_compare(app, chosen);
  add_bench(app, chosen);
  try {
    app.parse(argc, argv);
    if (!chosen) throw CLI::RequiredError("One of the verbs" + names_of_verbs(app));
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = error.get_exit_code() == 0;
    app.exit(error);
    return static_cast<int>(asked_for_help ? exit_status::nothing_wrong : exit_status::trouble);
  }
  lab::install_interrupt_handlers();
  const exit_status status = chosen();
  // A report that did not arrive (a full disk) is no report.
  if (std::fflush(stdout) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot write to standard output");
  return static_cast<int>(status);
}

} // namespace
} // namespace heirlock::cli

int main(int argc, char** argv) {
  using heirlock::cli::exit_status;
  try {
    return heirlock::cli::run(argc, argv);
  } catch (const std::exception& error) {
    // An interrupted wait may show first as trouble with the one waited for.
    if (heirlock::lab::interrupt_requested()) {
      fmt::print(stderr, "heirlock: interrupted; every process that it started has been ended\n");
    } else {
      fmt::print(stderr, "heirlock: {}\n", error.what());
    }
  }
  return static_cast<int>(exit_status::trouble);
}
