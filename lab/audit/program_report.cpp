// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/program_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace heirlock::lab {
namespace {

using nlohmann::ordered_json;

// Instructions shown before and after one of interest.
constexpr unsigned neighbours = 2;
// Violations whose note, with the output of the check, is shown.
constexpr unsigned notes_shown = 3;
// Numbers of kill points that are listed.
constexpr std::size_t numbers_shown = 10;

bool is_violation(const program_kill_point& point) {
  return point.what && *point.what != verdict::ok;
}

bool is_exposed(const program_kill_point& point) {
  return point.pending && !point.pending->is_victims;
}

// Empty where the kill point was not judged: nobody has looked.
std::string before_text(const program_kill_point& point) {
  if (!point.what) return {};
  return point.pending ? fmt::format("{:08x}", point.pending->before) : "-";
}

std::string after_text(const program_kill_point& point) {
  if (!point.what) return {};
  if (!point.pending) return "-";
  if (point.pending->after) return fmt::format("{:08x}", *point.pending->after);
  return point.pending->is_private ? "gone" : "unknown";
}

std::string instruction_text(const program_kill_point& point) {
  return point.asleep ? point.instruction + " (asleep inside)" : point.instruction;
}

std::string replay_of(const program_report& report, const std::string& replay, unsigned step) {
  std::string line = fmt::format("{} --kill-point {} --", replay, step);
  for (const std::string& word : report.what.command)
    line += ' ' + shell_quoted(word);
  return line;
}

std::string counts_of(const program_report& report) {
  std::string counts;
  unsigned judged = 0;
  for (const verdict v : all_verdicts) {
    const auto found = report.verdicts.find(v);
    if (found == report.verdicts.end()) continue;
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", found->second, name_of(v));
    judged += found->second;
  }
  return fmt::format("{} kill point{}{}{}", judged, judged == 1 ? "" : "s",
                     counts.empty() ? "" : ": ", counts);
}

// What the numbers do not say by themselves.
std::string remarks(const program_report& report) {
  std::string text;
  const auto count = [&](auto predicate) {
    return std::count_if(report.kill_points.begin(), report.kill_points.end(), predicate);
  };
  const auto pending = count([](const auto& point) { return point.pending.has_value(); });
  if (pending > 0)
    text += fmt::format(
        "  the pending operation of the robust list was set at {} of them; at {} the word that it "
        "names did not hold the victim's TID (in an unlock that is the window: memory that has "
        "another use by then, and holds that number, is written to)\n",
        pending, count(is_exposed));
  if (report.end == call_end_kind::waits)
    text += "  the call sleeps and does not return by itself: it was traced up to that sleep\n";
  if (report.end == call_end_kind::left)
    text += "  the call did not return: its thread ended, or its process became another program\n";
  if (!report.other_way.empty()) {
    text +=
        fmt::format("  {} kill point{} not judged, because the program went another way than in "
                    "the first run:",
                    report.other_way.size(), report.other_way.size() == 1 ? " was" : "s were");
    for (std::size_t i = 0; i < std::min(numbers_shown, report.other_way.size()); ++i)
      text += fmt::format(" {}", report.other_way[i]);
    text += report.other_way.size() > numbers_shown ? " ...\n" : "\n";
  }
  if (report.check.empty())
    text += "  no --check: only crashes of the program's other processes count as violations\n";
  return text;
}

std::string listing(const program_report& report) {
  std::set<unsigned> shown;
  const auto last = static_cast<unsigned>(report.kill_points.size()) - 1;
  for (const program_kill_point& point : report.kill_points) {
    if (!is_violation(point) && !point.pending) continue;
    for (unsigned step = point.step > neighbours ? point.step - neighbours : 0;
         step <= std::min(last, point.step + neighbours); ++step)
      shown.insert(step);
  }
  if (shown.empty()) return {};
  std::size_t where_width = std::string_view("killed before").size();
  std::size_t text_width = 0;
  for (const unsigned step : shown) {
    where_width = std::max(where_width, report.kill_points[step].where.describe().size());
    text_width = std::max(text_width, instruction_text(report.kill_points[step]).size());
  }
  std::string out = fmt::format("\n       step  {:{}}  {:{}}  pending  {:8}  {:8}\n",
                                "killed before", where_width, "", text_width, "before", "after");
  std::optional<unsigned> previous;
  for (const unsigned step : shown) {
    if (previous && step != *previous + 1) out += "             ...\n";
    previous = step;
    const program_kill_point& point = report.kill_points[step];
    std::string line = fmt::format(
        "    {} {:5}  {:{}}  {:{}}  {:7}  {:8}  {:8}{}{}", is_violation(point) ? "=>" : "  ", step,
        point.where.describe(), where_width, instruction_text(point), text_width,
        !point.what     ? ""
        : point.pending ? "set"
                        : "-",
        before_text(point), after_text(point), is_exposed(point) ? "  not the victim's" : "",
        is_violation(point) ? fmt::format("  {}", name_of(*point.what)) : "");
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string indented(const std::string& text) {
  std::string out = "  ";
  for (const char c : text)
    out += c == '\n' ? std::string("\n    ") : std::string(1, c);
  out.erase(out.find_last_not_of(" \n") + 1);
  return out;
}

} // namespace

std::string shell_quoted(const std::string& word) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
      "_-./:=,+@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

bool has_violations(const program_report& report) {
  return std::any_of(report.kill_points.begin(), report.kill_points.end(), is_violation);
}

std::string text_report(const program_report& report, const std::string& replay) {
  std::string out =
      fmt::format("{} on Linux {}\n\n{}  call {} of {}: {}\n  in {:.1f} s\n", report.libc,
                  report.kernel, report.what.command[0], report.what.number, report.what.function,
                  counts_of(report), report.seconds);
  out += remarks(report) + listing(report);
  unsigned shown = 0;
  for (const program_kill_point& point : report.kill_points) {
    if (!is_violation(point)) continue;
    if (shown == 0) out += '\n';
    if (++shown > notes_shown) break;
    out += indented(
               fmt::format("kill point {}: {}: {}", point.step, name_of(*point.what), point.note)) +
           '\n';
  }
  for (const program_kill_point& point : report.kill_points) {
    if (!is_violation(point)) continue;
    out += fmt::format("\n  replay one: {}\n", replay_of(report, replay, point.step));
    break;
  }
  return out;
}

ordered_json json_report(const program_report& report, const std::string& replay) {
  ordered_json verdicts = ordered_json::object();
  unsigned judged = 0;
  for (const auto& [v, count] : report.verdicts) {
    verdicts[std::string(name_of(v))] = count;
    judged += count;
  }
  ordered_json violations = ordered_json::array();
  ordered_json points = ordered_json::array();
  for (const program_kill_point& point : report.kill_points) {
    ordered_json entry = {{"step", point.step},
                          {"symbol", point.where.symbol},
                          {"offset", point.where.offset},
                          {"module", point.where.module},
                          {"module_offset", point.where.module_offset},
                          {"instruction", point.instruction},
                          {"asleep", point.asleep}};
    entry["verdict"] = point.what ? ordered_json(name_of(*point.what)) : ordered_json(nullptr);
    if (point.what) {
      entry["pending"] = point.pending.has_value();
      entry["before"] = before_text(point);
      entry["after"] = after_text(point);
    }
    if (point.pending) {
      entry["word_at"] = fmt::format("{:#x}", point.pending->word_at.value);
      entry["word_is_victims"] = point.pending->is_victims;
    }
    if (!point.note.empty()) entry["note"] = point.note;
    if (is_violation(point)) {
      entry["replay"] = replay_of(report, replay, point.step);
      violations.push_back(entry);
    }
    points.push_back(std::move(entry));
  }
  constexpr const char* ends[] = {"returned", "left", "waits"};
  return {{"kernel", report.kernel},
          {"libc", report.libc},
          {"subject", report.what.command[0]},
          {"op", report.what.function},
          {"scenario", "program"},
          {"call", report.what.number},
          {"call_end", ends[static_cast<unsigned>(report.end)]},
          {"kill_points", judged},
          {"verdicts", verdicts},
          {"violations", violations},
          {"points", points},
          {"other_way", report.other_way},
          {"seconds", report.seconds}};
}

} // namespace heirlock::lab
