// SPDX-License-Identifier: Apache-2.0
// heirlock bench: what the lock costs beside its rivals, all in one run.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/progress_bar.hpp"
#include "cli/verbs.hpp"
#include "lab/bench/report.hpp"
#include "lab/bench/suite.hpp"

namespace heirlock::cli {
namespace {

using namespace heirlock::lab;

struct bench_arguments {
  std::string filter;
  bool quick = false;
  bool list = false;
  bool json = false;
};

exit_status run_bench(const bench_arguments& arguments) {
  const auto cases = bench::chosen_cases(arguments.filter);
  if (arguments.list && arguments.json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"measurements", cases}}.dump(2));
    return exit_status::nothing_wrong;
  }
  if (arguments.list) {
    for (const std::string& each : cases)
      fmt::print("{}\n", each);
    return exit_status::nothing_wrong;
  }
  const bench::suite_effort effort = arguments.quick ? bench::quick_effort : bench::whole_effort;
  const bench::surroundings where = bench::look_around();
  bench::suite_results results;
  {
    progress_bar bar("bench");
    results = bench::run_suite(cases, effort, [&](const std::string& what, double done, double of) {
      bar.label(what);
      bar.show(static_cast<std::size_t>(done), static_cast<std::size_t>(of));
    });
  }
  if (arguments.json)
    fmt::print("{}\n", bench::json_report(results, where, effort).dump(2));
  else
    fmt::print("{}", bench::text_report(results, where, effort));
  return exit_status::nothing_wrong;
}

} // namespace

void add_bench(CLI::App& app, action& chosen) {
  auto* const verb = app.add_subcommand(
      "bench", "what the lock costs beside its rivals: uncontended, contended, after a death");
  const auto arguments = std::make_shared<bench_arguments>();
  verb->add_option("--filter", arguments->filter,
                   "only the measurements in whose name this regular expression is found");
  verb->add_flag("--quick", arguments->quick,
                 "fewer rounds and shorter windows: half a minute instead of three");
  verb->add_flag("--list", arguments->list, "print the names of the measurements and end");
  verb->add_flag("--json", arguments->json, "print one JSON document");
  verb->callback([arguments, &chosen] { chosen = [arguments] { return run_bench(*arguments); }; });
}

} // namespace heirlock::cli
