// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/report.hpp"

#include <fmt/format.h>
#include <linux/futex.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "lab/audit/program_report.hpp"

namespace heirlock::lab {
namespace {

// Instructions shown before and after a violating one.
constexpr unsigned neighbours = 2;

// The violating kill points and their neighbours.
std::set<unsigned> window_steps(const case_report& report) {
  std::set<unsigned> shown;
  if (report.kill_points.empty()) return shown;
  const auto last = static_cast<unsigned>(report.kill_points.size()) - 1;
  for (const violation& v : report.violations)
    for (unsigned step = v.at.step > neighbours ? v.at.step - neighbours : 0;
         step <= std::min(last, v.at.step + neighbours); ++step)
      shown.insert(step);
  return shown;
}

const violation* first_violation_at(const case_report& report, unsigned step) {
  for (const violation& v : report.violations)
    if (v.at.step == step) return &v;
  return nullptr;
}

std::string fill_name(std::uint32_t fill_bits) {
  return fill_bits == FUTEX_WAITERS ? "TID | FUTEX_WAITERS" : "TID";
}

// Where the second actor stood, if the violation was seen in no run without it: those come first.
std::optional<std::string> second_at(const violation& v) {
  if (!v.first().second_at) return std::nullopt;
  return v.first().second_at->describe();
}

// The last column of a kill point's row: empty where all is well.
std::string what_was_left(const case_report& report, unsigned step) {
  if (const violation* const bad = first_violation_at(report, step)) {
    const auto second = second_at(*bad);
    return fmt::format("  {}: {} -> {}{}", name_of(bad->what), bad->first().what.before,
                       bad->first().what.after, second ? ", second at " + *second : "");
  }
  return report.kill_points[step].judged ? "" : "  not judged";
}

std::string instruction_text(const kill_point_report& point) {
  return point.asleep ? point.instruction + " (asleep inside)" : point.instruction;
}

nlohmann::ordered_json window_rows(const case_report& report) {
  auto rows = nlohmann::ordered_json::array();
  for (const unsigned step : window_steps(report)) {
    const kill_point_report& point = report.kill_points[step];
    nlohmann::ordered_json row = {{"step", step},
                                  {"where", point.where.describe()},
                                  {"instruction", instruction_text(point)},
                                  {"word", fmt::format("{:016x}", point.word)},
                                  {"pending", point.pending}};
    if (const violation* const bad = first_violation_at(report, step)) {
      row["verdict"] = name_of(bad->what);
      row["before"] = bad->first().what.before;
      row["after"] = bad->first().what.after;
      if (const auto second = second_at(*bad)) row["second_at"] = *second;
    } else if (!point.judged) {
      row["judged"] = false;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

unsigned not_judged(const case_report& report) {
  return static_cast<unsigned>(
      std::ranges::count(report.kill_points, false, &kill_point_report::judged));
}

std::string early_finding_text(const early_finding& early) {
  return fmt::format(
      "  {}: {} ({}, before the victim had done anything: no kill point is charged with it)\n",
      name_of(early.what.what), early.what.note,
      early.in_set_up ? "by the others, in the scenario's set-up"
                      : "by the others, while the victim stood before its first instruction");
}

const char* end_of_victim(const case_report& report) {
  return report.victim_ends == ending::thread_exits ? "its thread ended" : "killed";
}

// Of the kill points with one verdict and one fate of the victim: how many they are, and the first.
struct kind_of_violation {
  const violation* where = nullptr;
  const observation* seen = nullptr;
  unsigned kill_points = 0;
};

std::vector<kind_of_violation> kinds_of_violation(const case_report& report) {
  std::map<std::pair<verdict, fate>, kind_of_violation> kinds;
  for (const violation& v : report.violations) {
    for (const fate victim : {fate::killed, fate::goes_on}) {
      const auto seen = std::ranges::find(v.seen, victim, &observation::victim);
      if (seen == v.seen.end()) continue;
      kind_of_violation& kind = kinds[{v.what, victim}];
      if (kind.where == nullptr) kind = {&v, &*seen, 0};
      ++kind.kill_points;
    }
  }
  std::vector<kind_of_violation> list;
  std::ranges::transform(kinds, std::back_inserter(list),
                         [](const auto& found) { return found.second; });
  std::ranges::stable_sort(list, {}, [](const auto& kind) { return kind.where->at.step; });
  return list;
}

std::string kind_text(const case_report& report, const kind_of_violation& kind,
                      const replay_command& replay) {
  const observation& seen = *kind.seen;
  std::string fate_text = "the victim was not killed there but went on";
  if (seen.victim == fate::killed)
    fate_text = report.victim_ends == ending::thread_exits ? "the victim's thread ended there"
                                                           : "the victim was killed there";
  return fmt::format("  {} at {} kill point{} ({}): {}{}\n"
                     "  replay one: {}\n",
                     name_of(kind.where->what), kind.kill_points, kind.kill_points == 1 ? "" : "s",
                     fate_text, seen.what.note,
                     seen.second_actor.empty() ? "" : "; the other actor " + seen.second_actor,
                     replay.of(report, kind.where->at.step));
}

} // namespace

std::string replay_command::of(const case_report& report) const {
  return fmt::format("{} audit --subject {}{} --op {} --scenario {}", program,
                     shell_quoted(report.subject), extra, name_of(report.op), report.scenario);
}

std::string replay_command::of(const case_report& report, unsigned kill_point) const {
  return fmt::format("{} --kill-point {}", of(report), kill_point);
}

std::string summary_line(const case_report& report) {
  std::string counts;
  unsigned judged = 0;
  for (const verdict v : all_verdicts) {
    const auto found = report.verdicts.find(v);
    if (found == report.verdicts.end()) continue;
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", found->second, name_of(v));
    judged += found->second;
  }
  if (report.without_victim)
    counts += fmt::format("{}{} before the victim acts", counts.empty() ? "" : ", ",
                          name_of(report.without_victim->what.what));
  return fmt::format("{} kill point{}: {}", judged, judged == 1 ? "" : "s", counts);
}

std::string corruption_line(const observation& seen) {
  const std::string words = fmt::format("{} vs {}", seen.what.before, seen.what.after);
  if (seen.what.by_exit_walk) return "Memory was corrupted by the kernel: " + words;
  return fmt::format("Memory was written to, and not by the kernel ({}): {}",
                     seen.victim == fate::goes_on ? "the victim was not killed but went on"
                                                  : "this is not what its exit walk writes",
                     words);
}

std::vector<const violation*> written_by_the_kernel(const case_report& report) {
  std::vector<const violation*> found;
  for (const violation& v : report.violations)
    if (std::ranges::any_of(v.seen, [](const observation& o) { return o.what.by_exit_walk; }))
      found.push_back(&v);
  return found;
}

std::string window_listing(const case_report& report) {
  const std::set<unsigned> shown = window_steps(report);
  std::size_t where_width = 0;
  std::size_t text_width = 0;
  for (const unsigned step : shown) {
    where_width = std::max(where_width, report.kill_points[step].where.describe().size());
    text_width = std::max(text_width, instruction_text(report.kill_points[step]).size());
  }
  std::string out = fmt::format("       step  {:{}}  {:{}}  {:16}  {}\n", "killed before",
                                where_width, "", text_width, "lock word", "pending");
  std::optional<unsigned> previous;
  for (const unsigned step : shown) {
    if (previous && step != *previous + 1) out += "             ...\n";
    previous = step;
    const kill_point_report& point = report.kill_points[step];
    out += fmt::format("    {} {:5}  {:{}}  {:{}}  {:016x}  {:7}{}\n",
                       first_violation_at(report, step) != nullptr ? "=>" : "  ", step,
                       point.where.describe(), where_width, instruction_text(point), text_width,
                       point.word, point.pending ? "set" : "-", what_was_left(report, step));
  }
  return out;
}

std::string text_report(const case_report& report, const replay_command& replay) {
  const run_facts& f = report.facts;
  std::string out = fmt::format(
      "{}  {}  {}: {}\n"
      "  {} runs in {:.1f} s: somebody waited in {}, the victim died owning in {}, the memory "
      "was reused in {}; {} deaths were reported to survivors{}\n",
      report.subject, name_of(report.op), report.scenario, summary_line(report), f.runs,
      report.seconds, f.slept, f.died_owning, f.reused, f.told,
      f.held_up == 0
          ? ""
          : fmt::format("; in {} a destroy or a mapping call waited for the stopped victim",
                        f.held_up));
  if (const unsigned left = not_judged(report); left > 0)
    out += fmt::format("  {} other kill point{} not judged\n", left, left == 1 ? " was" : "s were");
  if (f.spoilt > 0)
    out += fmt::format("  besides, {} run{} spoilt by what went wrong before the victim had done "
                       "anything; nothing is concluded from {}\n",
                       f.spoilt, f.spoilt == 1 ? " was" : "s were", f.spoilt == 1 ? "it" : "them");
  for (const premise p : report.missing)
    out += fmt::format("  {} in any of these runs: of that, ok says nothing here\n", lack_of(p));
  if (f.id_again > 0)
    out += fmt::format("  in {} of them a later thread got the dead victim's TID\n", f.id_again);
  if (f.passed_over > 0)
    out +=
        fmt::format("  in {} of them a newcomer got the lock before the woken victim, and another "
                    "waiter slept on\n",
                    f.passed_over);
  if (f.calls_held > 0)
    out += fmt::format("  the policy had {} mapping calls wait: {} were let go, the others ended "
                       "with their process\n",
                       f.calls_held, f.calls_let_go);
  if (f.reaped > 0)
    out +=
        fmt::format("  the OOM reaper took the victim's private memory in {} runs, the head of its "
                    "robust list among it in {}\n",
                    f.reaped, f.heads_reaped);
  if (report.verdicts.contains(verdict::modelled))
    out += fmt::format(
        "  modelled: what the policy {} does with the victim's memory no system call can "
        "have the kernel do; it was done here, on a copy\n",
        report.policy);
  if (!report.caveat.empty()) out += fmt::format("  note: {}\n", report.caveat);
  if (report.without_victim) out += early_finding_text(*report.without_victim);
  if (report.violations.empty()) return out;
  out += '\n' + window_listing(report) + '\n';
  for (const kind_of_violation& kind : kinds_of_violation(report))
    out += kind_text(report, kind, replay);
  return out;
}

nlohmann::ordered_json json_report(const case_report& report, const replay_command& replay) {
  using nlohmann::ordered_json;
  ordered_json verdicts = ordered_json::object();
  unsigned judged = 0;
  for (const auto& [v, count] : report.verdicts) {
    verdicts[std::string(name_of(v))] = count;
    judged += count;
  }
  ordered_json violations = ordered_json::array();
  for (const violation& v : report.violations) {
    ordered_json entry = {
        {"step", v.at.step},
        {"symbol", v.at.where.symbol},
        {"offset", v.at.where.offset},
        {"module", v.at.where.module},
        {"module_offset", v.at.where.module_offset},
        {"instruction", v.at.instruction},
        {"asleep", v.at.asleep},
        {"verdict", name_of(v.what)},
        {"before", v.first().what.before},
        {"after", v.first().what.after},
        {"note", v.first().what.note},
        {"runs", v.seen.size()},
        {"replay", replay.of(report, v.at.step)},
    };
    entry["victim"] = v.first().victim == fate::killed ? end_of_victim(report) : "went on";
    entry["went_on_in"] = std::ranges::count(v.seen, fate::goes_on, &observation::victim);
    if (v.what == verdict::corrupted) {
      entry["filled_with"] = fill_name(v.first().fill_bits);
      entry["by_exit_walk"] = v.first().what.by_exit_walk;
    }
    if (const auto second = second_at(v)) {
      entry["second_at"] = *second;
      entry["second_actor"] = v.first().second_actor;
    }
    violations.push_back(std::move(entry));
  }
  ordered_json missing = ordered_json::array();
  for (const premise p : report.missing)
    missing.push_back(lack_of(p));
  ordered_json document = {
      {"kernel", report.kernel},
      {"libc", report.libc},
      {"subject", report.subject},
      {"op", name_of(report.op)},
      {"scenario", report.scenario},
      {"policy", report.policy},
      {"kill_points", judged},
      {"verdicts", verdicts},
      {"not_judged", not_judged(report)},
      {"premise_missing", missing},
      {"violations", violations},
      {"window", window_rows(report)},
      {"replay", replay.of(report)},
      {"runs",
       {{"total", report.facts.runs},
        {"victim_killed", report.facts.killed},
        {"spoilt", report.facts.spoilt},
        {"somebody_waited", report.facts.slept},
        {"victim_died_owning", report.facts.died_owning},
        {"memory_reused", report.facts.reused},
        {"deaths_told", report.facts.told},
        {"waited_for_victim", report.facts.held_up},
        {"reaped", report.facts.reaped},
        {"list_heads_reaped", report.facts.heads_reaped},
        {"tid_given_again", report.facts.id_again},
        {"victim_passed_over", report.facts.passed_over},
        {"mapping_calls_held", report.facts.calls_held},
        {"mapping_calls_let_go", report.facts.calls_let_go}}},
      {"seconds", report.seconds},
  };
  if (const auto& early = report.without_victim)
    document["before_the_victim"] = {{"verdict", name_of(early->what.what)},
                                     {"note", early->what.note},
                                     {"in_set_up", early->in_set_up}};
  if (!report.caveat.empty()) document["note"] = report.caveat;
  return document;
}

} // namespace heirlock::lab
