// SPDX-License-Identifier: Apache-2.0
// The audit finds what was planted, at the instructions where it was planted, and nothing in sound locks.
#include "lab/actor/stage.hpp"
#include "lab/audit/audit.hpp"
#include "lab/audit/report.hpp"
#include "lab/scenarios/scenarios.hpp"
#include "tests/audit/toy/toy_library.hpp"
#include "tests/audit/wake_rule.hpp"
#include "toy_list.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace heirlock::lab {
namespace {

stage_options stage_for(const char* toy) {
  stage_options options;
  options.subject = toy;
  options.actor_program = HEIRLOCK_ACTOR_PROGRAM;
  return options;
}

std::string test_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = std::filesystem::path(info.param).stem();
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// A kill point as an offset from where the module is loaded, as the toy's labels are.
struct window {
  std::uint64_t begin = 0;
  std::uint64_t end = ~std::uint64_t{0};
};

window window_of(const toy_library& toy, const toy_expectation& expected) {
  const auto offset = [&](const void* label) {
    return toy.module_offset(reinterpret_cast<std::uintptr_t>(label));
  };
  window where;
  if (expected.where_begin != nullptr) where.begin = offset(expected.where_begin);
  if (expected.where_end != nullptr) where.end = offset(expected.where_end);
  return where;
}

bool is_inside(const code_location& at, const std::string& toy, const toy_expectation& expected,
               const window& where) {
  // One step before the call, or one behind the return, is the caller's own.
  if (std::filesystem::path(at.module).filename() != std::filesystem::path(toy).filename())
    return expected.where_begin == nullptr || expected.where_end == nullptr;
  return where.begin <= at.module_offset && at.module_offset < where.end;
}

// What lies in the window: the victim, or the other actor in each of the runs.
std::vector<code_location> places_of(const violation& v, toy_need needs) {
  if (needs != TOY_NEEDS_SECOND) return {v.at.where};
  std::vector<code_location> places;
  for (const observation& seen : v.seen)
    places.push_back(seen.second_at.value_or(code_location()));
  return places;
}

bool was_seen(const violation& v, fate victim) {
  return std::any_of(v.seen.begin(), v.seen.end(),
                     [&](const observation& seen) { return seen.victim == victim; });
}

class broken_toy : public testing::TestWithParam<const char*> {};

const kernel_with_wake_rule old_kernel(kernel::wake_rule::ownerless);

TEST_P(broken_toy, is_found_out_at_the_planted_instructions) {
  const toy_library toy(GetParam());
  ASSERT_FALSE(toy.expectations().empty()) << "a broken toy says what must be found";
  stage_options surroundings = stage_for(GetParam());
  if (std::ranges::any_of(toy.expectations(), [](const toy_expectation& expected) {
        return std::string_view(expected.scenario) == "woken-waiter-killed";
      }))
    surroundings.at_exit = kernel::exit_hook_of(old_kernel);
  stage st(surroundings);
  for (const toy_expectation& expected : toy.expectations()) {
    SCOPED_TRACE(fmt::format("{} in {}: {}", expected.op, expected.scenario, expected.verdict));
    const auto op = operation_named(expected.op);
    const scenario* const what = scenario_named(expected.scenario);
    ASSERT_TRUE(op.has_value());
    ASSERT_NE(what, nullptr);
    if (!what->why_not_here().empty()) continue; // said by the tests of that scenario
    audit_options options;
    options.second_positions = expected.needs == TOY_NEEDS_SECOND;
    const case_report report = audit_case(st, *what, *op, options);
    const window where = window_of(toy, expected);
    unsigned found = 0;
    bool at_its_begin = expected.where_begin == nullptr || expected.needs != TOY_NEEDS_KILL;
    for (const violation& v : report.violations) {
      // Whoever goes on from before the window walks into it; who is killed before it does not.
      const fate victim = expected.needs == TOY_NEEDS_RESUME ? fate::goes_on : fate::killed;
      if (name_of(v.what) != expected.verdict || !was_seen(v, victim)) continue;
      ++found;
      at_its_begin = at_its_begin || v.at.where.module_offset == where.begin;
      for (const code_location& place : places_of(v, expected.needs))
        EXPECT_TRUE(is_inside(place, GetParam(), expected, where))
            << place.describe() << " lies outside the planted window\n"
            << text_report(report, {});
    }
    EXPECT_GT(found, 0u) << "not found\n" << text_report(report, {});
    EXPECT_TRUE(at_its_begin) << "not at the first planted instruction\n"
                              << text_report(report, {});
  }
}

INSTANTIATE_TEST_SUITE_P(each, broken_toy, testing::ValuesIn(broken_toys), test_name);

std::string broken_toy_named(const std::string& name) {
  for (const char* path : broken_toys)
    if (std::filesystem::path(path).stem() == name) return path;
  throw std::invalid_argument(name);
}

case_report audit_of(const std::string& toy, const char* scenario, operation op,
                     const audit_options& options) {
  stage st(stage_for(broken_toy_named(toy).c_str()));
  return audit_case(st, *scenario_named(scenario), op, options);
}

TEST(a_lock_that_wakes_one, is_passed_by_where_the_kernel_hands_its_wake_up_on) {
  const std::string lock = broken_toy_named("wakes-one");
  for (const auto rule : {kernel::wake_rule::ownerless, kernel::wake_rule::ownerless_or_bare}) {
    const kernel_with_wake_rule policy(rule);
    stage_options surroundings = stage_for(lock.c_str());
    surroundings.at_exit = kernel::exit_hook_of(policy);
    stage st(surroundings);
    const case_report woken = audit_case(st, *scenario_named("woken-waiter-killed"),
                                         operation::lock_contended, audit_options());
    EXPECT_EQ(woken.violations.empty(), rule == kernel::wake_rule::ownerless_or_bare)
        << text_report(woken, {});
    EXPECT_GT(woken.facts.passed_over, 0u);
    // Where the lock is free when the woken one dies, every kernel hands the wake-up on.
    const case_report asleep = audit_case(st, *scenario_named("waiter-asleep"),
                                          operation::lock_contended, audit_options());
    EXPECT_TRUE(asleep.violations.empty()) << text_report(asleep, {});
  }
}

// Every scenario and operation in which something is wrong, at the victim's kill points alone.
std::set<std::string> faults_without_second(const std::string& path) {
  stage st(stage_for(path.c_str()));
  std::set<std::string> faults;
  audit_options options;
  options.second_positions = false;
  for (const scenario* what : scenarios_here()) {
    for (const operation op : all_operations) {
      if (!what->why_not(op).empty()) continue;
      const case_report report = audit_case(st, *what, op, options);
      EXPECT_FALSE(report.without_victim.has_value()) << text_report(report, {});
      for (const violation& v : report.violations)
        faults.insert(fmt::format("{} {}: {}", what->name(), name_of(op), name_of(v.what)));
    }
  }
  return faults;
}

TEST(a_fault_that_takes_a_second_actor, is_not_found_without_its_positions) {
  unsigned locks = 0;
  // The lock in which nothing else is planted has the design's own faults.
  const auto known = faults_without_second(broken_toy_named("pending-outlives-release"));
  for (const char* path : broken_toys) {
    const toy_library toy(path);
    if (!std::ranges::any_of(toy.expectations(), [](const toy_expectation& expected) {
          return expected.needs == TOY_NEEDS_SECOND;
        }))
      continue;
    ++locks;
    EXPECT_EQ(faults_without_second(path), known) << path;
  }
  EXPECT_GT(locks, 0u);
}

TEST(an_audit, charges_no_kill_point_with_what_went_wrong_in_the_set_up) {
  const case_report report =
      audit_of("takes-over-the-living", "waiter-asleep", operation::unlock_contended, {});
  ASSERT_TRUE(report.without_victim.has_value()) << text_report(report, {});
  EXPECT_TRUE(report.without_victim->in_set_up);
  EXPECT_EQ(report.without_victim->what.what, verdict::two_owners);
  EXPECT_TRUE(report.has_violations());
  EXPECT_TRUE(report.violations.empty()) << text_report(report, {});
  EXPECT_TRUE(report.verdicts.empty());
  EXPECT_NE(text_report(report, {}).find("two owners: a second one got the lock"),
            std::string::npos)
      << text_report(report, {});
}

TEST(an_audit, charges_no_kill_point_with_what_the_others_do_before_the_victim) {
  // With the holder's positions there are runs in which nobody is inside any more.
  audit_options options;
  options.second_positions = false;
  const case_report report =
      audit_of("takes-over-the-living", "waiter-asleep", operation::lock_contended, options);
  ASSERT_TRUE(report.without_victim.has_value()) << text_report(report, {});
  EXPECT_FALSE(report.without_victim->in_set_up);
  ASSERT_FALSE(report.violations.empty());
  const unsigned first = report.violations.front().at.step;
  EXPECT_GT(first, 0u);
  for (const kill_point_report& point : report.kill_points)
    EXPECT_EQ(point.judged, point.step >= first) << point.step << text_report(report, {});
}

// One that breaks in beside the owner shows where it is killed, and where it goes on.
TEST(a_report, tells_of_each_verdict_and_fate_and_how_to_replay_one) {
  const case_report report = audit_of("takes-over-the-living", "waiter-asleep",
                                      operation::lock_contended, audit_options());
  const std::string text = text_report(report, {});
  std::set<std::pair<verdict, fate>> kinds;
  for (const violation& v : report.violations)
    for (const observation& seen : v.seen)
      kinds.emplace(v.what, seen.victim);
  ASSERT_GT(kinds.size(), 1u) << text;
  std::istringstream lines(text);
  std::string of_kind;
  std::size_t replays = 0;
  const std::string replay = "  replay one: " + replay_command().of(report) + " --kill-point ";
  for (std::string line; std::getline(lines, line); of_kind = line) {
    if (!line.starts_with("  replay one: ")) continue;
    ++replays;
    ASSERT_TRUE(line.starts_with(replay)) << line;
    audit_options one;
    one.kill_point = static_cast<unsigned>(std::stoul(line.substr(replay.size())));
    const std::string again = text_report(
        audit_of("takes-over-the-living", "waiter-asleep", operation::lock_contended, one), {});
    // The same in all but the number of kill points.
    const std::size_t number = of_kind.find(" at ");
    const std::size_t rest = of_kind.find(" (the victim");
    ASSERT_TRUE(number != std::string::npos && rest != std::string::npos) << of_kind;
    EXPECT_NE(again.find(of_kind.substr(0, number) + " at 1 kill point" + of_kind.substr(rest)),
              std::string::npos)
        << line << '\n'
        << of_kind << '\n'
        << again;
  }
  EXPECT_EQ(replays, kinds.size()) << text;
  EXPECT_NE(text.find("(the victim was killed there)"), std::string::npos) << text;
  EXPECT_NE(text.find("(the victim was not killed there but went on)"), std::string::npos) << text;
}

TEST(a_corruption, is_the_kernels_only_if_it_is_what_the_exit_walk_writes_for_the_dead) {
  struct {
    const char* toy;
    fate victim;
    const char* line;
    bool by_the_kernel;
  } const cases[] = {
      {"touches-after-release", fate::goes_on,
       "Memory was written to, and not by the kernel (the victim was not killed but went on): ",
       false},
      {"pending-outlives-release", fate::killed, "Memory was corrupted by the kernel: ", true},
  };
  for (const auto& expected : cases) {
    for (const char* scenario : {"reuse-other-process", "remap-file"}) {
      const case_report report = audit_of(expected.toy, scenario, operation::unlock, {});
      unsigned seen = 0;
      for (const violation& v : report.violations) {
        EXPECT_EQ(v.what, verdict::corrupted) << text_report(report, {});
        for (const observation& o : v.seen) {
          ++seen;
          EXPECT_EQ(o.victim, expected.victim) << text_report(report, {});
          EXPECT_EQ(corruption_line(o),
                    expected.line + fmt::format("{} vs {}", o.what.before, o.what.after));
        }
      }
      EXPECT_GT(seen, 0u) << text_report(report, {});
      EXPECT_EQ(written_by_the_kernel(report).size(),
                expected.by_the_kernel ? report.violations.size() : 0);
    }
  }
}

class safe_toy : public testing::TestWithParam<const char*> {};

TEST_P(safe_toy, has_no_violation_in_any_scenario) {
  stage st(stage_for(GetParam()));
  run_facts total;
  for (const scenario* what : scenarios_here()) {
    for (const operation op : all_operations) {
      if (!what->why_not(op).empty()) continue;
      audit_options options;
      // A second position costs a spinning lock its whole spin bound, thousands of times.
      options.second_positions =
          std::filesystem::path(GetParam()).stem().string().find("spin") == std::string::npos;
      const case_report report = audit_case(st, *what, op, options);
      EXPECT_FALSE(report.has_violations()) << text_report(report, {});
      total += report.facts;
    }
  }
  // Not an empty verdict: there were waiters, dead owners, reports and reused memory.
  EXPECT_GT(total.slept, 0u);
  EXPECT_GT(total.died_owning, 0u);
  EXPECT_GT(total.told, 0u);
  EXPECT_GT(total.reused, 0u);
}

INSTANTIATE_TEST_SUITE_P(each, safe_toy, testing::ValuesIn(safe_toys), test_name);

TEST(a_scenario, fails_at_least_one_planted_lock) {
  std::set<std::string> failing;
  for (const char* path : broken_toys) {
    const toy_library toy(path);
    for (const toy_expectation& expected : toy.expectations())
      failing.insert(expected.scenario);
  }
  // The planted faults of a scenario that needs another kernel are kernels: tests/lab/protocols/.
  for (const scenario* what : all_scenarios()) {
    if (!what->needs_policy().empty()) continue;
    EXPECT_TRUE(failing.contains(std::string(what->name()))) << what->name();
  }
}

TEST(an_audit, lists_the_same_violations_twice) {
  std::vector<std::vector<std::string>> lists;
  for (int round = 0; round < 2; ++round) {
    stage_options options;
    options.subject = "pthread-robust";
    options.actor_program = HEIRLOCK_ACTOR_PROGRAM;
    stage st(options);
    auto& list = lists.emplace_back();
    for (const scenario* what : scenarios_here()) {
      for (const operation op : all_operations) {
        if (!what->why_not(op).empty()) continue;
        audit_options quick;
        quick.second_positions = false;
        for (const violation& v : audit_case(st, *what, op, quick).violations)
          list.push_back(fmt::format("{} {} {} {} {}", what->name(), name_of(op), v.at.step,
                                     v.at.where.describe(), name_of(v.what)));
      }
    }
  }
  EXPECT_FALSE(lists[0].empty());
  EXPECT_EQ(lists[0], lists[1]);
}

} // namespace
} // namespace heirlock::lab
