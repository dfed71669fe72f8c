// SPDX-License-Identifier: Apache-2.0
// What a report counts: kill points at which somebody was killed, runs that say something, and what came about in them.
#include "lab/actor/stage.hpp"
#include "lab/audit/audit.hpp"
#include "lab/audit/report.hpp"
#include "lab/scenarios/scenarios.hpp"
#include "toy_list.hpp"

#include <filesystem>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace heirlock::lab {
namespace {

std::string planted(const std::string& name) {
  for (const char* path : broken_toys)
    if (std::filesystem::path(path).stem() == name) return path;
  throw std::invalid_argument(name);
}

case_report audit_of(const std::string& subject, const char* scenario, operation op,
                     const audit_options& options) {
  stage_options surroundings;
  surroundings.subject = subject;
  surroundings.actor_program = HEIRLOCK_ACTOR_PROGRAM;
  stage st(surroundings);
  return audit_case(st, *scenario_named(scenario), op, options);
}

unsigned with_a_verdict(const case_report& report) {
  unsigned sum = 0;
  for (const auto& [what, kill_points] : report.verdicts)
    sum += kill_points;
  return sum;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(a_kill_point, is_not_ok_where_the_victim_has_only_gone_on) {
  audit_options options;
  options.one_of_a_kind = true;
  options.second_positions = false;
  for (const operation op : {operation::lock_contended, operation::unlock_contended}) {
    const case_report report = audit_of("heirlock", "owner-killed", op, options);
    ASSERT_TRUE(report.violations.empty()) << text_report(report, {});
    EXPECT_GT(report.facts.runs, report.facts.killed) << "none was left to go on";
    // Each kill point is tried once here.
    EXPECT_EQ(with_a_verdict(report), report.facts.killed) << text_report(report, {});
    unsigned judged = 0;
    for (const kill_point_report& point : report.kill_points)
      judged += point.judged;
    EXPECT_EQ(judged, report.facts.killed);
  }
}

TEST(a_kill_point, has_the_violation_of_a_victim_that_went_on_though_nobody_was_killed_there) {
  audit_options options;
  options.one_of_a_kind = true;
  options.second_positions = false;
  const case_report report =
      audit_of(planted("touches-after-release"), "reuse-other-process", operation::unlock, options);
  ASSERT_FALSE(report.violations.empty()) << text_report(report, {});
  for (const violation& v : report.violations) {
    EXPECT_EQ(v.first().victim, fate::goes_on) << text_report(report, {});
    EXPECT_TRUE(report.kill_points[v.at.step].judged) << v.at.step;
  }
  EXPECT_EQ(report.verdicts.at(verdict::corrupted), report.violations.size());
}

// The lock lets a second one in beside the holder, before the victim has done anything: until the victim itself has done
// it, every run is spoilt.
TEST(a_spoilt_run, is_counted_apart_and_nothing_that_happened_in_it_is) {
  audit_options options;
  options.second_positions = false;
  options.kill_point = 0;
  const case_report report = audit_of(planted("takes-over-the-living"), "waiter-asleep",
                                      operation::lock_contended, options);
  ASSERT_TRUE(report.without_victim.has_value()) << text_report(report, {});
  EXPECT_EQ(report.facts.spoilt, 2u) << "the victim was to be killed, and to go on";
  EXPECT_EQ(report.facts.runs, 0u);
  EXPECT_EQ(report.facts.told, 0u);
  EXPECT_TRUE(report.verdicts.empty()) << text_report(report, {});
  EXPECT_TRUE(has(text_report(report, {}), "besides, 2 runs were spoilt"))
      << text_report(report, {});
  EXPECT_EQ(json_report(report, {}).at("runs").at("spoilt"), 2);
}

TEST(a_report, does_not_speak_of_spoilt_runs_where_there_are_none) {
  audit_options options;
  options.kill_point = 0;
  const case_report report =
      audit_of("pthread-robust", "waiter-asleep", operation::unlock, options);
  EXPECT_EQ(report.facts.spoilt, 0u);
  EXPECT_FALSE(has(text_report(report, {}), "spoilt")) << text_report(report, {});
  EXPECT_EQ(json_report(report, {}).at("runs").at("spoilt"), 0);
}

TEST(a_row, says_where_the_second_actor_stood_if_the_violation_was_not_seen_without_it) {
  const std::string lock = planted("waiter-sleeps-on-what-it-wrote");
  for (const bool with_second : {false, true}) {
    audit_options options;
    options.second_positions = with_second;
    const case_report report = audit_of(lock, "waiter-asleep", operation::unlock, options);
    const auto document = json_report(report, {});
    EXPECT_EQ(document.at("violations").empty(), !with_second) << text_report(report, {});
    for (const auto& each : document.at("violations"))
      EXPECT_FALSE(each.value("second_at", "").empty()) << each;
    for (const auto& row : document.at("window")) {
      EXPECT_EQ(row.contains("second_at"), row.contains("verdict")) << row;
      if (row.contains("second_at")) {
        EXPECT_TRUE(
            has(window_listing(report), ", second at " + row.at("second_at").get<std::string>()))
            << window_listing(report);
      }
    }
  }
  const case_report alone =
      audit_of("pthread-robust", "reuse-other-process", operation::unlock, {});
  for (const auto& row : json_report(alone, {}).at("window"))
    EXPECT_FALSE(row.contains("second_at")) << "it is seen without one too: " << row;
  EXPECT_FALSE(has(window_listing(alone), "second at")) << window_listing(alone);
}

const std::string nobody_died = "nobody died owning the lock";

std::vector<std::string> missing_in(const case_report& report) {
  const auto document = json_report(report, {});
  std::vector<std::string> texts = document.at("premise_missing");
  for (const std::string& each : texts)
    EXPECT_TRUE(has(text_report(report, {}), each + " in any of these runs")) << each;
  return texts;
}

// A trylock fails while another holds the lock.
TEST(an_ok, is_said_to_be_empty_where_nobody_died_owning) {
  audit_options options;
  options.second_positions = false;
  for (const char* subject : {"pthread-robust", "heirlock"}) {
    for (const char* scenario : {"owner-killed", "thread-exit-holding"}) {
      const case_report report = audit_of(subject, scenario, operation::trylock_contended, options);
      EXPECT_TRUE(report.violations.empty()) << text_report(report, {});
      EXPECT_EQ(missing_in(report), std::vector{nobody_died});
      const case_report owned = audit_of(subject, scenario, operation::trylock, options);
      EXPECT_EQ(missing_in(owned), std::vector<std::string>()) << text_report(owned, {});
      EXPECT_FALSE(has(text_report(owned, {}), "in any of these runs"));
    }
  }
}

TEST(premises, that_have_come_about_in_no_run_are_missing) {
  using enum premise;
  const std::vector<premise> all = {somebody_waited,   victim_died_owning, memory_reused,
                                    death_told,        memory_reaped,      tid_given_again,
                                    victim_passed_over};
  EXPECT_EQ(missing_premises(all, {}, true), all);
  const run_facts met = {.slept = 1,
                         .died_owning = 1,
                         .told = 1,
                         .reused = 1,
                         .reaped = 1,
                         .id_again = 1,
                         .passed_over = 1};
  EXPECT_EQ(missing_premises(all, met, true), std::vector<premise>());
  EXPECT_EQ(missing_premises({memory_reused}, {.held_up = 1}, true), std::vector<premise>())
      << "that its new use waits for the victim is a way to be safe";
  EXPECT_EQ(missing_premises({victim_died_owning}, {}, false), std::vector{death_told})
      << "of a lock that does not say who owns it one cannot know more";
  EXPECT_EQ(missing_premises({victim_died_owning}, {.told = 1}, false), std::vector<premise>());
}

TEST(every_scenario, says_what_its_ok_rests_on) {
  for (const scenario* what : all_scenarios()) {
    for (const operation op : all_operations) {
      if (!what->why_not(op).empty()) continue;
      EXPECT_FALSE(what->premises(op).empty()) << what->name() << ' ' << name_of(op);
    }
  }
}

} // namespace
} // namespace heirlock::lab
