// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "cli/invocation.hpp"
#include "cli/verbs.hpp"
#include "lab/process/interrupt.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::cli {
namespace {

std::string names_of_verbs(const CLI::App& app) {
  std::string names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names += (names.empty() ? "" : ", ") + verb->get_name();
  return names;
}

// What is left over when no verb was recognised begins with a misspelt one: CLI11 alone would say only that it was not expected.
void parse(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = app.remaining();
    if (!app.get_subcommands().empty() || extras.empty() || extras.front().starts_with('-')) throw;
    throw CLI::ParseError("unknown verb '" + extras.front() + "': known are " + names_of_verbs(app),
                          CLI::ExitCodes::ExtrasError);
  }
}

// Files opened later must not become standard output because the caller has closed that. What is opened here
// instead can only be used the wrong way round: it still cannot be written to.
void hold_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(descriptor, F_GETFD) < 0)
      ::open("/dev/null",
             descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY); // takes the lowest number
}

// A report that did not arrive (a full disk) is no report.
void flush_standard_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot write to standard output");
}

int run(int argc, char** argv) {
  hold_standard_descriptors();
  // Whoever ignores this signal is not told how its children ended, and it is passed on to programs.
  ::signal(SIGCHLD, SIG_DFL);
  note_invocation(argc > 0 ? argv[0] : nullptr);
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
  add_storm(app, chosen);
  try {
    parse(app, argc, argv);
    if (!chosen) throw CLI::RequiredError("One of the verbs " + names_of_verbs(app));
  } catch (const CLI::ParseError& error) {
    const bool asked_for_help = error.get_exit_code() == 0;
    app.exit(error);
    std::cout.flush();
    if (asked_for_help && !std::cout) throw std::runtime_error("cannot write to standard output");
    return static_cast<int>(asked_for_help ? exit_status::nothing_wrong : exit_status::trouble);
  }
  lab::check_interrupt();
  const exit_status status = chosen();
  flush_standard_output();
  return static_cast<int>(status);
}

} // namespace
} // namespace heirlock::cli

namespace {

// The last word: it may find standard error closed.
void complain(const std::string& what) {
  std::fputs(("heirlock: " + what + '\n').c_str(), stderr);
}

} // namespace

int main(int argc, char** argv) {
  using heirlock::cli::exit_status;
  heirlock::lab::install_interrupt_handlers();
  try {
    return heirlock::cli::run(argc, argv);
  } catch (const std::exception& error) {
    // An interrupted wait may show first as trouble with the one waited for.
    if (heirlock::lab::interrupt_requested()) {
      complain("interrupted; every process that it started has been ended");
    } else {
      complain(error.what());
    }
  }
  return static_cast<int>(exit_status::trouble);
}
