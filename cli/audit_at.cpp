// SPDX-License-Identifier: Apache-2.0
#include "cli/audit_at.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/invocation.hpp"
#include "cli/numbers.hpp"
#include "cli/progress_bar.hpp"
#include "lab/audit/program_audit.hpp"
#include "lab/audit/program_report.hpp"
#include "lab/process/file_descriptor.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::cli {
namespace {

using namespace heirlock::lab;

constexpr const char* group =
    "For a program of your own: audit --at FUNCTION [OPTIONS] -- PROG ARGS";

std::chrono::milliseconds from_seconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(seconds));
}

// As a shell finds it.
std::string found_program(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (!std::filesystem::exists(name)) throw trouble(fmt::format("no such program: {}", name));
    if (std::filesystem::is_directory(name) || ::access(name.c_str(), X_OK) != 0)
      throw trouble(
          fmt::format("{} is not a program that can be executed: {}", name,
                      std::filesystem::is_directory(name) ? "it is a directory" : "chmod +x it"));
    return name;
  }
  const char* const path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "/usr/bin:/bin");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const auto candidate = std::filesystem::path(directory.empty() ? "." : directory) / name;
    if (std::filesystem::is_regular_file(candidate) && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
  }
  throw trouble(fmt::format("no program {} in PATH; one of this directory is ./{}", name, name));
}

std::string replay_prefix(const audit_at_arguments& arguments) {
  std::string line =
      fmt::format("{} audit --at {}", invocation(), shell_quoted(arguments.function));
  if (arguments.call != 1) line += fmt::format(" --call {}", arguments.call);
  if (!arguments.check.empty()) line += " --check " + shell_quoted(arguments.check);
  const audit_at_arguments usual;
  if (arguments.check_timeout != usual.check_timeout)
    line += fmt::format(" --check-timeout {}", arguments.check_timeout);
  if (arguments.timeout != usual.timeout) line += fmt::format(" --timeout {}", arguments.timeout);
  return line;
}

} // namespace

void add_audit_at_options(CLI::App& verb, audit_at_arguments& arguments) {
  verb.add_option(
          "--at", arguments.function,
          "kill PROG at each instruction of a call of this function, of the program or of a "
          "library that it is linked with")
      ->group(group);
  verb.add_option("--call", arguments.call,
                  "which call of it, counted over all threads and processes of the program")
      ->check(whole_number(1))
      ->capture_default_str()
      ->group(group);
  verb.add_option("--check", arguments.check,
                  "judges after each kill: /bin/sh -c CMD, with HEIRLOCK_KILL_POINT and "
                  "HEIRLOCK_VICTIM_PID; 0 is ok. The program's other processes run on until it has "
                  "ended, and are killed then")
      ->type_name("CMD")
      ->group(group);
  verb.add_option("--check-timeout", arguments.check_timeout,
                  "seconds; a check that takes longer is a violation (stuck). Without --check: how "
                  "long the other processes are watched at most")
      ->check(seconds())
      ->capture_default_str()
      ->group(group);
  verb.add_option("--timeout", arguments.timeout,
                  "seconds in which the program must come to the call, and a call that sleeps must "
                  "go on")
      ->check(seconds())
      ->capture_default_str()
      ->group(group);
  verb.add_flag("--show-output", arguments.show_output,
                "show what the program prints, on standard error; else it goes to /dev/null")
      ->group(group);
  verb.add_option("program", arguments.command, "the program and its arguments, after --")
      ->type_name("PROG ARGS")
      ->group(group);
}

bool is_audit_at(const CLI::App& verb) {
  for (const char* name :
       {"--at", "--call", "--check", "--check-timeout", "--timeout", "--show-output", "program"})
    if (verb.count(name) > 0) return true;
  return false;
}

exit_status run_audit_at(const audit_at_arguments& arguments, int kill_point, bool json) {
  if (arguments.function.empty())
    throw trouble("say in which function the program is to be killed: heirlock audit --at FUNCTION "
                  "-- PROG ARGS");
  if (arguments.command.empty())
    throw trouble(fmt::format("say which program: heirlock audit --at {} -- PROG ARGS",
                              shell_quoted(arguments.function)));
  program_call what;
  what.command = arguments.command;
  what.command[0] = found_program(arguments.command[0]);
  what.function = arguments.function;
  what.number = static_cast<unsigned>(arguments.call);
  what.patience = from_seconds(arguments.timeout);
  const file_descriptor null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!null) throw_errno("/dev/null");
  // Standard output is the report's alone.
  what.output_descriptor = arguments.show_output ? STDERR_FILENO : null.get();

  program_audit_options options;
  options.check = arguments.check;
  options.check_timeout = from_seconds(arguments.check_timeout);
  if (kill_point >= 0) options.kill_point = static_cast<unsigned>(kill_point);
  program_report report;
  {
    progress_bar bar(arguments.function);
    options.progress = [&](std::size_t done, std::size_t of) { bar.show(done, of); };
    report = audit_program(what, options);
  }
  const std::string replay = replay_prefix(arguments);
  if (json) {
    fmt::print(
        "{}\n",
        json_report(report, replay).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}", text_report(report, replay));
  }
  return has_violations(report) ? exit_status::violations : exit_status::nothing_wrong;
}

} // namespace heirlock::cli
