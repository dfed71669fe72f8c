// SPDX-License-Identifier: Apache-2.0
// heirlock compare: every subject in every scenario, each under the policies of its proposal, and what it costs.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/choices.hpp"
#include "cli/compare_cases.hpp"
#include "cli/invocation.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "lab/compare/costs.hpp"
#include "lab/compare/matrix.hpp"
#include "lab/compare/page.hpp"
#include "lab/compare/replaced_file.hpp"
#include "lab/compare/saved_cases.hpp"
#include "lab/process/trouble.hpp"
#include "lab/scenarios/scenarios.hpp"
#include "lab/subjects/builtin.h"
#include "lab/subjects/shipped.hpp"

namespace heirlock::cli {
namespace {

using namespace heirlock::lab;
using nlohmann::ordered_json;

constexpr const char* baseline = "robust-list";

struct compare_arguments {
  std::vector<std::string> subjects;
  std::vector<std::string> scenarios;
  bool quick = false;
  bool json = false;
  std::string state;
  std::string html;
};

// Under the policy that it asks for, then under the others that implement the same proposal; the baseline also under those
// that are no matter of the lock.
std::vector<const kernel::policy*> policies_for(const std::string& name, const std::string& asked) {
  std::vector<const kernel::policy*> found = {&chosen_policy(asked.empty() ? "stock" : asked)};
  for (const kernel::policy* p : kernel::all_policies()) {
    const bool same_proposal = !asked.empty() && p->proposal() == asked && p != found.front();
    if (same_proposal || (name == baseline && p->concerns_every_lock())) found.push_back(p);
  }
  return found;
}

std::vector<entrant> entrants_named(const std::string& name) {
  entrant one;
  one.subject = {name, chosen_subject(name)};
  std::string asked;
  if (heirlock_builtin_subject(one.subject.library.c_str()) == nullptr) {
    const std::filesystem::path library = one.subject.library;
    asked = describe_subject(library).policy;
    one.version =
        std::to_string(std::filesystem::last_write_time(library).time_since_epoch().count());
  }
  std::vector<entrant> found;
  for (const kernel::policy* policy : policies_for(name, asked)) {
    found.push_back(one);
    found.back().policy = policy;
  }
  return found;
}

std::vector<entrant> chosen_entrants(std::vector<std::string> names) {
  if (names.empty()) {
    for (unsigned i = 0; const heirlock_subject* s = heirlock_builtin_subject_at(i); ++i)
      names.emplace_back(s->name);
    for (const std::string& name : shipped_subjects())
      names.push_back(name);
  }
  std::vector<entrant> entrants;
  for (const std::string& name : names)
    for (entrant& e : entrants_named(name))
      entrants.push_back(std::move(e));
  return entrants;
}

std::vector<planned_case> planned_cases(const compare_arguments& arguments) {
  std::vector<planned_case> plan;
  for (const scenario* what : chosen_scenarios(arguments.scenarios, std::nullopt))
    for (const operation op : all_operations)
      if (what->why_not(op).empty() && !(arguments.quick && call_of(op) == subject_call::trylock))
        plan.push_back({what, op});
  return plan;
}

// The verdicts are those of the machine code in this file: another build of it is another subject.
std::string build_of_this_program() {
  struct stat program = {};
  if (::stat("/proc/self/exe", &program) != 0)
    throw trouble("/proc/self/exe cannot be read, so that nobody can tell one build from another: "
                  "is /proc mounted?");
  return fmt::format("build {}-{}.{:09}", program.st_size, program.st_mtim.tv_sec,
                     program.st_mtim.tv_nsec);
}

std::string surroundings_of(const compare_arguments& arguments) {
  utsname kernel = {};
  uname(&kernel);
  return fmt::format("heirlock {}, {}, glibc {}, Linux {}, {}", HEIRLOCK_VERSION,
                     build_of_this_program(), gnu_get_libc_version(), kernel.release,
                     arguments.quick ? "quick" : "full");
}

ordered_json costs_document(const std::vector<subject_costs>& costs) {
  ordered_json all = ordered_json::object();
  const subject_costs& base = costs.front();
  for (const subject_costs& c : costs)
    all[c.subject] = {{"lock_unlock", c.lock_unlock / base.lock_unlock},
                      {"destroy", c.destroy / base.destroy},
                      {"map_unmap", c.map_unmap / base.map_unmap},
                      {"thread_exit", c.thread_exit / base.thread_exit}};
  return all;
}

ordered_json measured_costs(const compare_arguments& arguments,
                            const std::vector<entrant>& entrants) {
  std::vector<costed_subject> subjects = {{baseline, chosen_subject(baseline)}};
  // A policy has no part in what is measured: one line for all rows of a subject, which stand one after the other.
  for (const entrant& e : entrants)
    if (e.subject.name != baseline && e.subject.name != subjects.back().name)
      subjects.push_back(e.subject);
  return costs_document(measure_costs(subjects, arguments.quick ? 3 : 9));
}

void print_costs(const ordered_json& costs) {
  std::size_t first = 0;
  for (const auto& [name, c] : costs.items())
    first = std::max(first, name.size());
  fmt::print("\nCPU time as a ratio to {} in the same run, on the running kernel:\n"
             "{:{}}{:>13}{:>10}{:>13}{:>13}\n",
             baseline, "", first, "lock+unlock", "destroy", "mmap/munmap", "thread exit");
  for (const auto& [name, c] : costs.items())
    fmt::print("{:{}}{:13.2f}{:10.2f}{:13.2f}{:13.2f}\n", name, first,
               c["lock_unlock"].get<double>(), c["destroy"].get<double>(),
               c["map_unmap"].get<double>(), c["thread_exit"].get<double>());
}

// How to see what is behind a cell.
std::string replay_text(const ordered_json& cases) {
  for (const auto& document : cases)
    if (!document.at("violations").empty())
      return fmt::format("\nA cell again, with its window in disassembly:\n"
                         "  {} audit --subject LOCK [--policy POLICY] --scenario SCENARIO\n"
                         "One of its kill points, such as the first of all that is not ok:\n  {}\n",
                         invocation(), document["violations"][0].at("replay").get<std::string>());
  return {};
}

// Said in the help, the text and the page.
const char* left_out_of(bool quick) {
  return quick ? "without trylock and without the positions of a second actor; in contended "
                 "operations one kill "
                 "point of a kind"
               : "against the positions of a second actor one kill point of a kind";
}

// The document of --json and of the page.
ordered_json comparison_document(const compare_arguments& arguments, ordered_json cases,
                                 ordered_json costs) {
  const std::time_t now = std::time(nullptr);
  return {{"heirlock", HEIRLOCK_VERSION},
          {"made", fmt::format("{:%Y-%m-%d}", fmt::localtime(now))},
          {"quick", arguments.quick},
          {"baseline", baseline},
          {"extent", left_out_of(arguments.quick)},
          {"cases", std::move(cases)},
          {"costs", std::move(costs)},
          {"not_performed", scenarios_left_out(arguments.scenarios)}};
}

// The page would replace the state as a whole, and the state be appended to the page.
void refuse_one_file_for_both(const compare_arguments& arguments) {
  if (arguments.html.empty() || arguments.state.empty()) return;
  std::error_code one_is_missing;
  const bool same = std::filesystem::weakly_canonical(arguments.html) ==
                        std::filesystem::weakly_canonical(arguments.state) ||
                    std::filesystem::equivalent(arguments.html, arguments.state, one_is_missing);
  if (same)
    throw trouble(fmt::format("--html {} and --state {} are the same file: name two",
                              arguments.html, arguments.state));
}

trouble nothing_to_audit(const compare_arguments& arguments) {
  std::string text = fmt::format(
      "nothing to audit: none of these locks can be tried in any of these scenarios under the "
      "policies of its proposal. Name another --scenario or --subject; {} audit --list lists them",
      invocation());
  const std::string left_out = left_out_text(scenarios_left_out(arguments.scenarios));
  if (!left_out.empty()) text += "\n" + left_out.substr(0, left_out.size() - 1);
  return trouble(text);
}

exit_status run_compare(const compare_arguments& arguments) {
  refuse_one_file_for_both(arguments);
  std::optional<replaced_file> page;
  if (!arguments.html.empty()) page.emplace(arguments.html);
  const auto entrants = chosen_entrants(arguments.subjects);
  saved_cases saved(arguments.state, surroundings_of(arguments));
  if (saved.dropped_a_line())
    fmt::print(stderr, "heirlock: the last line of {} was cut off; its case is audited again\n",
               arguments.state);
  ordered_json audited = audited_cases(entrants, planned_cases(arguments),
                                       arguments.quick ? extent::quick : extent::full, saved);
  if (audited.empty()) throw nothing_to_audit(arguments);
  const ordered_json document =
      comparison_document(arguments, std::move(audited), measured_costs(arguments, entrants));
  const ordered_json& cases = document.at("cases");
  if (page) page->replace_by(comparison_page(document));
  if (arguments.json) {
    fmt::print("{}\n", document.dump(2));
  } else {
    fmt::print("{}\n{}", matrix_text(cases, columns_of(STDOUT_FILENO)),
               missing_premises_text(cases));
    fmt::print("{}{}: {}\n", left_out_text(document.at("not_performed")),
               arguments.quick ? "Quick" : "Full", left_out_of(arguments.quick));
    fmt::print("{}", replay_text(cases));
    print_costs(document.at("costs"));
  }
  for (const auto& audited_case : cases)
    if (!audited_case.at("violations").empty() || audited_case.contains("before_the_victim"))
      return exit_status::violations;
  return exit_status::nothing_wrong;
}

} // namespace

void add_compare(CLI::App& app, action& chosen) {
  auto* const verb = app.add_subcommand(
      "compare", "every lock in every scenario, under the policies of its proposal, and its cost");
  const auto arguments = std::make_shared<compare_arguments>();
  verb->add_option("--subject", arguments->subjects, "only this lock (may be repeated)")
      ->delimiter(',');
  verb->add_option("--scenario", arguments->scenarios, "only this scenario (may be repeated)")
      ->delimiter(',');
  verb->add_flag("--quick", arguments->quick, left_out_of(true));
  verb->add_flag("--json", arguments->json, "print one JSON document");
  verb->add_option("--html", arguments->html,
                   "write the comparison into this file as a page that needs no other file");
  verb->add_option("--state", arguments->state,
                   "keep finished cases in this file; a run that was interrupted goes on from it");
  verb->callback(
      [arguments, &chosen] { chosen = [arguments] { return run_compare(*arguments); }; });
}

} // namespace heirlock::cli
