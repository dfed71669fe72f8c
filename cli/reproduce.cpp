// SPDX-License-Identifier: Apache-2.0
// heirlock reproduce: the race on a real libc and the real kernel, at each corrupting kill point; or by
// chance alone, or with better odds, without ptrace.
#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/choices.hpp"
#include "cli/invocation.hpp"
#include "cli/numbers.hpp"
#include "cli/progress_bar.hpp"
#include "cli/verbs.hpp"
#include "lab/audit/audit.hpp"
#include "lab/audit/program_report.hpp"
#include "lab/audit/report.hpp"
#include "lab/process/interrupt.hpp"
#include "lab/process/trouble.hpp"
#include "lab/race/race.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::cli {
namespace {

using namespace heirlock::lab;
using nlohmann::ordered_json;

struct reproduce_arguments {
  std::vector<std::string> scenarios = {"reuse-other-process"};
  bool scenarios_given = false;
  std::string libc;
  double natural_seconds = 0;
  double widen_seconds = 0;
  std::string way = "best";
  std::uint64_t seed = 1;
  bool json = false;
};

// With ptrace: every corrupting kill point, every time.

void print_corruptions(const case_report& report) {
  fmt::print("{}  {}  {}: {}\n", report.subject, name_of(report.op), report.scenario,
             summary_line(report));
  for (const violation& v : report.violations) {
    if (v.what != verdict::corrupted) continue;
    fmt::print("\n  {} {}  {}  (kill point {})\n", v.at.asleep ? "inside" : "before",
               v.at.where.describe(), v.at.instruction, v.at.step);
    for (const observation& seen : v.seen)
      fmt::print("  {}\n", corruption_line(seen));
  }
  fmt::print("\n");
}

void append_corruptions(ordered_json& list, const case_report& report,
                        const replay_command& replay) {
  for (const violation& v : report.violations) {
    if (v.what != verdict::corrupted) continue;
    for (const observation& seen : v.seen) {
      list.push_back({{"op", name_of(report.op)},
                      {"scenario", report.scenario},
                      {"step", v.at.step},
                      {"symbol", v.at.where.symbol},
                      {"offset", v.at.where.offset},
                      {"instruction", v.at.instruction},
                      {"before", seen.what.before},
                      {"after", seen.what.after},
                      {"by_the_kernel", seen.what.by_exit_walk},
                      {"replay", replay.of(report, v.at.step)}});
    }
  }
}

exit_status at_every_kill_point(const reproduce_arguments& arguments) {
  const auto scenarios = chosen_scenarios(arguments.scenarios, "stock");
  stage_options surroundings;
  surroundings.subject = "pthread-robust";
  surroundings.actor_program = installed_actor_program();
  surroundings.libc = arguments.libc;
  replay_command replay = {invocation(), {}};
  if (!arguments.libc.empty()) replay.extra = " --libc " + shell_quoted(arguments.libc);

  stage st(surroundings);
  std::vector<case_report> reports;
  {
    progress_bar bar("pthread-robust");
    audit_options options;
    options.second_positions = false;
    for (const scenario* what : scenarios) {
      for (const operation op : all_operations) {
        if (!what->why_not(op).empty()) continue;
        bar.label(fmt::format("{} {}", name_of(op), what->name()));
        options.progress = [&](std::size_t done, std::size_t of) { bar.show(done, of); };
        reports.push_back(audit_case(st, *what, op, options));
      }
    }
  }
  ordered_json list = ordered_json::array();
  std::string replay_one;
  for (const case_report& report : reports) {
    append_corruptions(list, report, replay);
    const auto found = written_by_the_kernel(report);
    if (replay_one.empty() && !found.empty()) replay_one = replay.of(report, found[0]->at.step);
  }
  if (arguments.json) {
    fmt::print("{}\n", ordered_json{{"kernel", reports.front().kernel},
                                    {"libc", reports.front().libc},
                                    {"method", "ptrace"},
                                    {"corruptions", list}}
                           .dump(2));
  } else {
    fmt::print("{} on Linux {}\n\n", reports.front().libc, reports.front().kernel);
    for (const case_report& report : reports)
      print_corruptions(report);
    if (replay_one.empty()) {
      fmt::print("Not shown: the kernel wrote to no reused memory at any kill point of these "
                 "scenarios.\n");
    } else {
      fmt::print("Each line is one run: the victim was stopped there, and killed unless the line "
                 "says otherwise; the\nmemory had been given another use.\nReplay one: {}\n",
                 replay_one);
    }
  }
  return replay_one.empty() ? exit_status::violations : exit_status::nothing_wrong;
}

// Without ptrace: by chance.

race::widening widening_named(const std::string& name) {
  if (name == "userfaultfd") return race::widening::userfaultfd;
  if (name == "protect") return race::widening::protect;
  return race::widening::best;
}

ordered_json json_of(const race::tally& t) {
  const auto bounds = t.rate_interval();
  ordered_json document = {{"what", t.what},
                           {"attempts", t.attempts},
                           {"reused", t.reused},
                           {"hits", t.hits},
                           {"unexplained", t.unexplained},
                           {"seconds", t.seconds},
                           {"rate", t.rate()},
                           {"rate_95", {bounds.low, bounds.high}},
                           {"hits_per_second", t.hits_per_second()}};
  if (t.stalls > 0) document["stalls"] = t.stalls;
  if (t.first) {
    document["before"] = fmt::format("{:016x}", t.first->before);
    document["after"] = fmt::format("{:016x}", t.first->after);
  }
  return document;
}

ordered_json json_of(const race::odds_ratio& odds, const char* means) {
  return {{"value", odds.value},
          {"bounds_95", {odds.bounds.low, odds.bounds.high}},
          {"corrected", odds.corrected},
          {"means", means}};
}

void print_odds(const char* of_each, const race::odds_ratio& odds, const char* means) {
  fmt::print("\nper {}: {}\n  {}\n", of_each, race::summary(odds), means);
}

void print_tally(const char* title, const race::tally& t) {
  fmt::print("{}: {}\n  {}\n", title, t.what, race::summary(t));
  if (t.first) fmt::print("  {}\n", race::to_string(*t.first));
  if (t.unexplained > 0)
    fmt::print("  {} runs changed memory in a way that is not the kernel's: please report this\n",
               t.unexplained);
}

// Runs a series with a progress bar; Ctrl-C ends it after the attempt that runs.
template <class Series>
race::tally with_progress(const char* label, double seconds, Series series) {
  progress_bar bar(label);
  race::limits bounds;
  bounds.seconds = seconds;
  auto result = series(bounds, [&](const race::tally& t) {
    bar.show(static_cast<std::size_t>(t.seconds * 1000), static_cast<std::size_t>(seconds * 1000));
    return !interrupt_requested();
  });
  check_interrupt();
  return result;
}

exit_status by_chance(const reproduce_arguments& arguments) {
  if (!arguments.libc.empty())
    throw trouble(
        "--natural and --widen run on the libc that heirlock itself runs on; leave out --libc");
  if (arguments.scenarios_given)
    throw trouble(
        "--natural and --widen know one scenario, reuse-other-process; leave out --scenario");
  std::optional<race::tally> natural;
  std::optional<race::tally> widened;
  // --widen tells its odds against --natural, so it always runs both, in one call.
  const double natural_seconds =
      arguments.natural_seconds > 0 ? arguments.natural_seconds : arguments.widen_seconds;
  natural = with_progress("natural", natural_seconds,
                          [&](race::limits bounds, const race::progress& report) {
                            bounds.seed = arguments.seed;
                            return race::natural(bounds, report);
                          });
  if (arguments.widen_seconds > 0) {
    widened = with_progress("widened", arguments.widen_seconds,
                            [&](race::limits bounds, const race::progress& report) {
                              bounds.seed = arguments.seed;
                              return race::widen(bounds, report, widening_named(arguments.way));
                            });
  }
  const auto per_kill = widened ? race::compare(*widened, *natural) : std::nullopt;
  const auto per_stall = widened ? race::compare_per_stall(*widened, *natural) : std::nullopt;
  utsname kernel = {};
  uname(&kernel);
  const std::string libc = fmt::format("glibc {}", gnu_get_libc_version());
  if (arguments.json) {
    ordered_json document = {{"kernel", kernel.release}, {"libc", libc}, {"seed", arguments.seed}};
    document["natural"] = json_of(*natural);
    if (widened) document["widened"] = json_of(*widened);
    if (per_kill) document["odds_ratio"] = json_of(*per_kill, race::meaning_of_odds_per_kill);
    if (per_stall)
      document["odds_ratio_per_stall"] = json_of(*per_stall, race::meaning_of_odds_per_stall);
    fmt::print("{}\n", document.dump(2));
  } else {
    fmt::print("{} on Linux {}, no ptrace, seed {}\n\n", libc, kernel.release, arguments.seed);
    print_tally("natural", *natural);
    if (widened) {
      fmt::print("\n");
      print_tally("widened", *widened);
    }
    if (widened) fmt::print("\nper second: {}\n", race::yields(*widened, *natural));
    if (per_kill) print_odds("kill", *per_kill, race::meaning_of_odds_per_kill);
    if (per_stall) print_odds("stall", *per_stall, race::meaning_of_odds_per_stall);
  }
  const bool shown = natural->hits + (widened ? widened->hits : 0) > 0;
  return shown ? exit_status::nothing_wrong : exit_status::violations;
}

} // namespace

void add_reproduce(CLI::App& app, action& chosen) {
  auto* const verb =
      app.add_subcommand("reproduce", "show the race on this machine's libc and kernel (status 0: "
                                      "shown, 1: not shown, 2: trouble)");
  const auto arguments = std::make_shared<reproduce_arguments>();
  auto* const scenario = verb->add_option("--scenario", arguments->scenarios,
                                          "what happens to the released lock; may be repeated");
  scenario->delimiter(',')->capture_default_str();
  verb->add_option("--libc", arguments->libc, "on this libc.so.6 (its loader lies beside it)");
  auto* const natural =
      verb->add_option("--natural", arguments->natural_seconds,
                       "no ptrace: threads, and a killer at random times, for so many seconds");
  natural->check(seconds());
  auto* const widen =
      verb->add_option("--widen", arguments->widen_seconds,
                       "no ptrace and no privilege, with raised odds, for so many seconds; and "
                       "the odds against --natural");
  widen->check(seconds());
  verb->add_option("--way", arguments->way, "how --widen does it")
      ->check(CLI::IsMember({"best", "userfaultfd", "protect"}))
      ->needs(widen)
      ->capture_default_str();
  verb->add_option("--seed", arguments->seed, "of --natural and --widen")
      ->check(whole_number(0))
      ->capture_default_str();
  verb->add_flag("--json", arguments->json, "print one JSON document");
  verb->callback([arguments, scenario, natural, widen, &chosen] {
    arguments->scenarios_given = scenario->count() > 0;
    const bool chance = natural->count() + widen->count() > 0;
    chosen = [arguments, chance] {
      return chance ? by_chance(*arguments) : at_every_kill_point(*arguments);
    };
  });
}

} // namespace heirlock::cli
