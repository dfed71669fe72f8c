// SPDX-License-Identifier: Apache-2.0
// heirlock demo: the main job in a minute.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/invocation.hpp"
#include "cli/progress_bar.hpp"
#include "cli/verbs.hpp"
#include "lab/audit/audit.hpp"
#include "lab/audit/report.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::cli {
namespace {

using namespace heirlock::lab;

struct demo_arguments {
  bool json = false;
};

constexpr std::string_view subjects[] = {"pthread-robust", "pthread-normal", "heirlock",
                                         "heirlock-asymmetric"};
constexpr std::size_t first_of_our_own = 2;

std::string processor() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

// Where a thread ends alone: as long again, and the demonstration is to end within a minute. And what fills the log of
// the kernel.
constexpr std::string_view left_to_audit[] = {"thread-exit-holding", "join-then-free",
                                              "recursive-tid-reuse", "oom-kill"};

// The other scenarios, every operation, at the victim's kill points alone.
std::vector<case_report> audit_everything(std::string_view subject, progress_bar& bar) {
  stage_options surroundings;
  surroundings.subject = subject;
  surroundings.actor_program = installed_actor_program();
  stage st(surroundings);
  std::vector<case_report> reports;
  audit_options options;
  options.second_positions = false;
  for (const scenario* what : scenarios_here()) {
    if (std::ranges::find(left_to_audit, what->name()) != std::end(left_to_audit)) continue;
    for (const operation op : all_operations) {
      if (!what->why_not(op).empty()) continue;
      bar.label(fmt::format("{} {} {}", subject, name_of(op), what->name()));
      options.progress = [&](std::size_t done, std::size_t of) { bar.show(done, of); };
      reports.push_back(audit_case(st, *what, op, options));
    }
  }
  return reports;
}

const case_report* find(const std::vector<case_report>& reports, std::string_view scenario,
                        operation op) {
  for (const case_report& report : reports)
    if (report.scenario == scenario && report.op == op) return &report;
  return nullptr;
}

// The kill points at which the kernel wrote into reused memory. What a lock itself writes there is another fault.
std::size_t corrupting(const case_report* report) {
  return report == nullptr ? 0 : written_by_the_kernel(*report).size();
}

void show_the_race(const case_report& report) {
  fmt::print(
      "1. The race (glibc bug 14485, open since 2012)\n\n"
      "   A thread unlocks a robust mutex and is killed just after the release. Another process "
      "has "
      "taken the\n   mutex by then, destroyed it, and put the memory to another use. Of the {} "
      "instructions of the unlock\n   {} are kill points at which the kernel writes into that "
      "memory:\n\n{}\n",
      report.kill_points.size(), corrupting(&report), window_listing(report));
  for (const violation& v : report.violations)
    for (const observation& seen : v.seen)
      if (v.what == verdict::corrupted) fmt::print("   {}\n", corruption_line(seen));
  fmt::print(
      "\n   How it was found: the victim was stopped before each instruction in turn (ptrace), the "
      "survivors did\n   what an application may do, the victim was killed with SIGKILL, and the "
      "memory "
      "was compared.\n   The code is the shipped libc's, the write is the running kernel's.\n   "
      "Replay "
      "one: {}\n\n",
      replay_command{invocation(), {}}.of(report, written_by_the_kernel(report).front()->at.step));
}

void show_the_file(const case_report& report) {
  const violation& v = *written_by_the_kernel(report).front();
  const observation& by_the_kernel =
      *std::ranges::find_if(v.seen, [](const observation& seen) { return seen.what.by_exit_walk; });
  fmt::print("2. The same with a file (remap-file)\n\n"
             "   The page is unmapped and a file mapped there before the kill. The bytes on disk, "
             "read after "
             "the\n   process is gone: {} became {}.\n\n",
             by_the_kernel.what.before, by_the_kernel.what.after);
}

std::string cell(const case_report* report) {
  if (report == nullptr) return "";
  std::string text;
  unsigned judged = 0;
  for (const verdict v : all_verdicts) {
    const auto found = report->verdicts.find(v);
    if (found == report->verdicts.end()) continue;
    judged += found->second;
    if (v != verdict::ok)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", found->second, name_of(v));
  }
  if (report->without_victim)
    return fmt::format("{} before the victim acts", name_of(report->without_victim->what.what));
  return text.empty() ? fmt::format("ok ({}){}", judged, report->missing.empty() ? "" : "*")
                      : fmt::format("{} of {}", text, judged);
}

void show_the_table(const std::vector<std::vector<case_report>>& by_subject) {
  fmt::print("3. The scenarios of a kill: kill points that hurt a user, of all kill points\n\n   "
             "{:22}{:19}",
             "scenario", "killed in");
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < by_subject.size(); ++i) {
    std::size_t width = subjects[i].size();
    for (const case_report& report : by_subject[i])
      width = std::max(width, cell(&report).size());
    widths.push_back(width + 2);
    fmt::print("{:{}}", subjects[i], widths.back());
  }
  fmt::print("\n");
  for (const case_report& row : by_subject.front()) {
    fmt::print("   {:22}{:19}", row.scenario, name_of(row.op));
    for (std::size_t i = 0; i < by_subject.size(); ++i)
      fmt::print("{:{}}", cell(find(by_subject[i], row.scenario, row.op)),
                 i + 1 < by_subject.size() ? widths[i] : 0);
    fmt::print("\n");
  }
  std::set<std::string_view> lacking;
  for (const auto& reports : by_subject)
    for (const case_report& report : reports)
      if (!report.has_violations())
        for (const premise p : report.missing)
          lacking.insert(lack_of(p));
  if (!lacking.empty())
    fmt::print("\n   * {} in any of these runs: of that, ok says nothing there.\n",
               fmt::join(lacking, ", or "));
  fmt::print(
      "\n   corrupted: memory that was no longer the lock's was written to. owner lost: the owner "
      "died and the\n   lock stays taken, nobody is told. lost wake-up: the lock can be had, a "
      "waiter sleeps on.\n   A normal mutex promises nothing when its owner dies; it is here to "
      "compare with. heirlock's own mutex,\n   in its two unlock modes, is audited in the same "
      "way: docs/audit.md says what that shows.\n\n");
}

// heirlock's own mutex promises that no kill point hurts anybody. False, and which did: it broke its promise.
bool our_own_is_clean(const std::vector<std::vector<case_report>>& by_subject, bool tell) {
  for (std::size_t i = first_of_our_own; i < by_subject.size(); ++i)
    for (const case_report& report : by_subject[i]) {
      if (!report.has_violations()) continue;
      if (tell)
        fmt::print("   heirlock's own mutex has a fault; please report it:\n\n{}\n",
                   text_report(report, replay_command()));
      return false;
    }
  return true;
}

exit_status run_demo(const demo_arguments& arguments) {
  utsname kernel = {};
  uname(&kernel);
  std::vector<std::vector<case_report>> by_subject;
  {
    progress_bar bar("");
    for (const std::string_view subject : subjects)
      by_subject.push_back(audit_everything(subject, bar));
  }
  const case_report* const race =
      find(by_subject.front(), "reuse-other-process", operation::unlock);
  const case_report* const file = find(by_subject.front(), "remap-file", operation::unlock);
  const bool shown = corrupting(race) > 0;
  if (arguments.json) {
    nlohmann::ordered_json cases = nlohmann::ordered_json::array();
    for (const auto& reports : by_subject)
      for (const case_report& report : reports)
        cases.push_back(json_report(report, {invocation(), {}}));
    fmt::print("{}\n", nlohmann::ordered_json{{"cases", cases}}.dump(2));
    return shown && our_own_is_clean(by_subject, false) ? exit_status::nothing_wrong
                                                        : exit_status::violations;
  }
  fmt::print("heirlock {} on this machine: glibc {}, Linux {}, {}, {}\n\n", HEIRLOCK_VERSION,
             gnu_get_libc_version(), kernel.release, kernel.machine, processor());
  if (shown) {
    show_the_race(*race);
    if (corrupting(file) > 0) show_the_file(*file);
  } else {
    fmt::print(
        "The race is not here: no kill point of the unlock led to a write into reused memory.\n\n");
  }
  show_the_table(by_subject);
  const std::string program = invocation();
  const bool clean = our_own_is_clean(by_subject, true);
  fmt::print("Go on with:\n"
             "   each corrupting kill point, before and after:\n"
             "      {0} reproduce\n"
             "   the same without ptrace and without privilege:\n"
             "      {0} reproduce --widen 5\n"
             "   the scenarios that were left out, where a thread ends alone, or memory:\n"
             "      {0} audit --subject heirlock --scenario {1}\n"
             "   a lock of yours ({0} audit --list):\n"
             "      {0} audit --subject ./my_lock.so\n",
             program, fmt::join(left_to_audit, ","));
  return shown && clean ? exit_status::nothing_wrong : exit_status::violations;
}

} // namespace

void add_demo(CLI::App& app, action& chosen) {
  auto* const verb =
      app.add_subcommand("demo", "the race on this machine in a minute (status 0: shown, 1: it is "
                                 "not here, or our own mutex has one too, 2: trouble)");
  const auto arguments = std::make_shared<demo_arguments>();
  verb->add_flag("--json", arguments->json, "print one JSON document");
  verb->callback([arguments, &chosen] { chosen = [arguments] { return run_demo(*arguments); }; });
}

} // namespace heirlock::cli
