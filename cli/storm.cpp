// SPDX-License-Identifier: Apache-2.0
// heirlock storm: processes use a lock and are killed at random; an oracle outside of them judges.
#include <fmt/format.h>

#include <memory>

#include "cli/choices.hpp"
#include "cli/progress_bar.hpp"
#include "cli/verbs.hpp"
#include "lab/process/trouble.hpp"
#include "lab/storm/report.hpp"

namespace heirlock::cli {
namespace {

using namespace heirlock::lab;

struct storm_arguments {
  std::string subject;
  std::uint64_t kills = 1000;
  storm::settings chosen;
  std::vector<std::string> ways;
  bool json = false;
};

std::uint32_t chosen_ways(const std::vector<std::string>& names) {
  if (names.empty()) return storm::all_ways;
  std::uint32_t ways = 0;
  for (const std::string& name : names) {
    const std::uint32_t bit = storm::way_named(name);
    if (bit == 0 && (name != "none" || names.size() != 1))
      throw trouble(fmt::format("unknown way '{}': known are {}, and none", name,
                                storm::names_of_ways(storm::all_ways)));
    ways |= bit;
  }
  return ways;
}

exit_status run_storm_verb(const storm_arguments& arguments) {
  storm::storm_options options;
  options.subject = chosen_subject(arguments.subject);
  options.chosen = arguments.chosen;
  options.chosen.ways = chosen_ways(arguments.ways);
  options.kills = arguments.kills;
  progress_bar bar(fmt::format("storm {}", arguments.subject));
  options.progress = [&](std::size_t done, std::size_t of) { bar.show(done, of); };
  storm::storm_report report = storm::run_storm(options);
  report.subject = arguments.subject; // what a replay needs
  bar.wipe();
  if (arguments.json)
    fmt::print("{}\n", storm::json_report(report).dump(2));
  else
    fmt::print("{}", storm::text_report(report, arguments.kills));
  return report.violated() || !report.neglected().empty() ? exit_status::violations
                                                          : exit_status::nothing_wrong;
}

} // namespace

void add_storm(CLI::App& app, action& chosen) {
  auto* const verb = app.add_subcommand(
      "storm", "kill processes that use a lock at random times, and count what goes wrong");
  const auto arguments = std::make_shared<storm_arguments>();
  storm::settings& s = arguments->chosen;
  s.backstop_ms = 1000;
  verb->add_option("--subject", arguments->subject,
                   "the lock: a name, or ./my_lock.so (see heirlock audit --list)");
  verb->add_option("--kills", arguments->kills, "processes to kill (default 1000)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{2'000'000}));
  verb->add_option("--processes", s.processes, "processes alive at a time (default 4)")
      ->check(CLI::Range(1u, storm::most_processes));
  verb->add_option("--threads", s.threads, "threads of each (default 1)")
      ->check(CLI::Range(1u, storm::most_threads));
  verb->add_option("--seed", s.seed, "of all random choices (default 1)");
  verb->add_option(
          "--ways", arguments->ways,
          fmt::format("besides lock and unlock: {}; or none (default: all that the lock has)",
                      storm::names_of_ways(storm::all_ways)))
      ->delimiter(',');
  verb->add_option("--backstop", s.backstop_ms,
                   "milliseconds after which a lock that has a backstop uses it; 0: never (default "
                   "1000)")
      ->check(CLI::Range(0u, 60'000u));
  verb->add_flag("--json", arguments->json, "print one JSON document");
  verb->callback(
      [arguments, &chosen] { chosen = [arguments] { return run_storm_verb(*arguments); }; });
}

} // namespace heirlock::cli
