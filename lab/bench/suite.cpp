// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/suite.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <regex>

#include "lab/bench/plain_futex.hpp"
#include "lab/process/interrupt.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab::bench {
namespace {

constexpr std::array cells = {contended_cell{2, 50},   contended_cell{4, 50},
                              contended_cell{8, 50},   contended_cell{2, 1000},
                              contended_cell{4, 1000}, contended_cell{8, 1000}};
constexpr const char* recoverable_rivals[] = {"glibc-robust",        "ofd-file-lock",
                                              "sysv-sem-undo",       "heirlock",
                                              "heirlock-asymmetric", "heirlock-shared"};
constexpr const char* contended_rivals[] = {
    "glibc-robust",  "glibc-normal", "boost-interprocess",  "ofd-file-lock",
    "sysv-sem-undo", "heirlock",     "heirlock-asymmetric", plain_futex::name};
constexpr const char* grown_rivals[] = {"heirlock", "heirlock-asymmetric"};

std::string group_of(contended_cell cell) {
  return fmt::format("contended/{}x{}ns", cell.processes, cell.section_ns);
}

std::vector<std::string> all_cases() {
  std::vector<std::string> all;
  const auto add = [&](const std::string& group, const auto& rivals) {
    for (const char* const name : rivals)
      all.push_back(group + "/" + name);
  };
  add("uncontended", all_rivals);
  for (const contended_cell cell : cells)
    add(group_of(cell), contended_rivals);
  add("recovery", recoverable_rivals);
  for (const char* const what : all_growths)
    add(fmt::format("growth/{}", what), grown_rivals);
  return all;
}

// Of the cases of one group, the rivals; the baseline first.
std::vector<std::string> rivals_in(const std::vector<std::string>& cases, const std::string& group,
                                   bool with_baseline) {
  std::vector<std::string> rivals;
  for (const std::string& each : cases)
    if (each.starts_with(group + "/")) rivals.push_back(each.substr(group.size() + 1));
  if (with_baseline && !rivals.empty() && rivals.front() != baseline)
    rivals.insert(rivals.begin(), baseline);
  return rivals;
}

// Made once, used by every group that names it.
class entrants {
 public:
  std::vector<entrant> of(const std::vector<std::string>& names) {
    std::vector<entrant> found;
    for (const std::string& name : names) {
      if (!made_.contains(name)) made_.emplace(name, make_entrant(name));
      found.push_back(made_.at(name)); // NOLINT(performance-inefficient-vector-operation): a few
    }
    return found;
  }

 private:
  std::map<std::string, entrant> made_;
};

// Foretells, and reports, how far the suite is.
class course {
 public:
  course(const std::vector<std::string>& cases, const suite_effort& effort,
         const suite_progress& progress)
      : progress_(progress) {
    of_ = 1.2 * effort.uncontended_rounds *
          static_cast<double>(rivals_in(cases, "uncontended", true).size());
    for (const contended_cell cell : cells)
      for (const std::string& rival : rivals_in(cases, group_of(cell), true))
        of_ += effort.contended.window_ms * (serves_for_orientation(rival)
                                                 ? effort.contended.rounds_of_others
                                                 : effort.contended.rounds);
    of_ += 3.0 * effort.recovery_rounds *
           static_cast<double>(rivals_in(cases, "recovery", true).size());
    for (const char* const what : all_growths)
      of_ += 2.0 * effort.growth_rounds *
             static_cast<double>(rivals_in(cases, fmt::format("growth/{}", what), false).size());
  }
  step_report step(std::string what) {
    return [this, what = std::move(what)](double milliseconds) {
      check_interrupt();
      done_ += milliseconds;
      progress_(what, done_, of_);
    };
  }

 private:
  const suite_progress& progress_;
  double done_ = 0, of_ = 0;
};

} // namespace

std::vector<std::string> chosen_cases(const std::string& filter) {
  const std::vector<std::string> all = all_cases();
  std::vector<std::string> chosen;
  try {
    const std::regex wanted(filter);
    std::ranges::copy_if(all, std::back_inserter(chosen),
                         [&](const std::string& each) { return std::regex_search(each, wanted); });
  } catch (const std::regex_error& error) {
    throw trouble(fmt::format("--filter '{}' is no regular expression: {}", filter, error.what()));
  }
  if (chosen.empty())
    throw trouble(fmt::format(
        "--filter '{}' fits none of the measurements: heirlock bench --list names them", filter));
  return chosen;
}

suite_results run_suite(const std::vector<std::string>& cases, const suite_effort& effort,
                        const suite_progress& progress) {
  suite_results results;
  course way(cases, effort, progress);
  {
    // Gone before the last measurement, which wants all the attachments that a process may have.
    entrants made;
    if (const auto names = rivals_in(cases, "uncontended", true); !names.empty())
      results.uncontended =
          measure_uncontended(made.of(names), effort.uncontended_rounds, way.step("uncontended"));
    for (const contended_cell cell : cells)
      if (const auto names = rivals_in(cases, group_of(cell), true); !names.empty())
        results.contended.push_back(
            {cell, section_alone_ns(cell),
             measure_contended(
                 made.of(names), cell, effort.contended,
                 way.step(fmt::format("{} processes, {} ns", cell.processes, cell.section_ns)))});
    if (const auto names = rivals_in(cases, "recovery", true); !names.empty())
      results.recovery =
          measure_recovery(made.of(names), effort.recovery_rounds, way.step("recovery"));
  }
  for (const char* const what : all_growths)
    for (const std::string& rival : rivals_in(cases, fmt::format("growth/{}", what), false))
      results.growth.push_back(
          measure_growth(what, rival, effort.growth_rounds, way.step("growth")));
  return results;
}

} // namespace heirlock::lab::bench
