// SPDX-License-Identifier: Apache-2.0
// What the audit of a program finds, and what it must not find.
#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/cli/audit_at/audit_at_command.hpp"

namespace heirlock::cli::test {
namespace {

using nlohmann::json;
using steps = std::set<unsigned>;

steps steps_of(const json& list) {
  steps found;
  for (const json& entry : list)
    found.insert(entry["step"].get<unsigned>());
  return found;
}

bool is_store(const json& point) {
  const auto text = point["instruction"].get<std::string>();
  return text.find("ptr [") < text.find(',') && text.find(',') != std::string::npos;
}

// The kill points behind the first store and not behind the second one.
steps between_the_stores(const json& points) {
  steps found;
  unsigned stores = 0;
  for (const json& point : points) {
    if (stores == 1) found.insert(point["step"].get<unsigned>());
    if (point["symbol"] == "move_money" && is_store(point)) ++stores;
  }
  EXPECT_EQ(stores, 2U) << points;
  EXPECT_FALSE(found.empty());
  return found;
}

void expect_torn_between_the_stores(const outcome& result) {
  ASSERT_EQ(result.status, 1) << result.err;
  EXPECT_EQ(result.err, "");
  const json report = result.json();
  EXPECT_EQ(steps_of(report["violations"]), between_the_stores(report["points"])) << report;
  for (const json& entry : report["violations"])
    EXPECT_EQ(entry["verdict"], "check failed") << entry;
  EXPECT_EQ(report["verdicts"]["check failed"], report["violations"].size());
  EXPECT_EQ(report["kill_points"], report["points"].size());
  EXPECT_EQ(report["other_way"], json::array());
}

class audit_at_program : public audit_at {};

TEST_F(audit_at_program, finds_the_record_torn_between_its_two_stores) {
  const outcome result = audit({"move_money", "--check", check()}, "move");
  expect_torn_between_the_stores(result);
  const json report = result.json();
  EXPECT_EQ(report["op"], "move_money");
  EXPECT_EQ(report["scenario"], "program");
  EXPECT_EQ(report["subject"], LEDGER_PROGRAM);
  EXPECT_EQ(report["call_end"], "returned");
  for (const char* key : {"kernel", "libc"})
    EXPECT_FALSE(report[key].get<std::string>().empty()) << key;
  EXPECT_NE(report["violations"][0]["note"].get<std::string>().find("mine 90, yours 0"),
            std::string::npos)
      << report;
}

TEST_F(audit_at_program, finds_nothing_where_one_store_makes_the_copy_current) {
  const outcome result = audit({"flip_money", "--check", check()}, "flip");
  ASSERT_EQ(result.status, 0) << result.out << result.err;
  const json report = result.json();
  EXPECT_EQ(report["violations"], json::array());
  EXPECT_EQ(report["verdicts"], json({{"ok", report["points"].size()}}));
  EXPECT_GT(report["points"].size(), 7U);
}

TEST_F(audit_at_program, counts_calls) {
  const outcome result = audit({"move_money", "--call", "3", "--check", check()}, "moves");
  expect_torn_between_the_stores(result);
  EXPECT_NE(result.out.find("mine 70, yours 20"), std::string::npos) << result.out;
}

TEST_F(audit_at_program, stops_a_call_in_another_thread) {
  expect_torn_between_the_stores(audit({"move_money", "--check", check()}, "thread"));
}

TEST_F(audit_at_program, follows_a_shell_that_starts_the_program) {
  expect_torn_between_the_stores(
      heirlock({"--json", "--at", "move_money", "--check", check(), "--", "/bin/sh", "-c",
                "'" LEDGER_PROGRAM "' '" + file().string() + "' move; true"}));
}

TEST_F(audit_at_program, follows_an_exec_in_a_thread_that_is_not_the_first) {
  expect_torn_between_the_stores(audit({"move_money", "--check", check()}, "exec"));
}

TEST_F(audit_at_program, ends_a_daemon_that_the_program_has_left) {
  expect_torn_between_the_stores(audit({"move_money", "--check", check()}, "daemon"));
  EXPECT_TRUE(nobody_is_left());
}

TEST_F(audit_at_program, lets_the_parent_of_the_victim_repair_and_ends_it_then) {
  const outcome result = audit({"move_money", "--check", check("repaired")}, "family");
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_TRUE(nobody_is_left());
  // The same program is torn where nobody waits for the parent: so the repair is what was seen.
  EXPECT_EQ(result.json()["verdicts"], json({{"ok", result.json()["points"].size()}}));
}

TEST_F(audit_at_program, sees_without_a_check_that_a_survivor_crashes) {
  const outcome result = audit({"move_money"}, "heir");
  ASSERT_EQ(result.status, 1) << result.err;
  const json report = result.json();
  EXPECT_EQ(report["verdicts"], json({{"crashed", report["points"].size()}}));
  EXPECT_NE(report["violations"][0]["note"].get<std::string>().find("SIGABRT"), std::string::npos);
}

// Also by an alias, which is another symbol at the same place.
TEST_F(audit_at_program, shows_the_window_of_a_robust_unlock_at_three_instructions) {
  for (const char* name : {"pthread_mutex_unlock", "__pthread_mutex_unlock"}) {
    const outcome result = audit({name}, "unlock");
    ASSERT_EQ(result.status, 0) << result.err;
    const json report = result.json();
    EXPECT_EQ(report["call_end"], "returned");
    unsigned owned = 0;
    unsigned window = 0;
    for (const json& point : report["points"]) {
      if (!point["pending"].get<bool>()) {
        EXPECT_EQ(point["after"], "-");
      } else if (point["word_is_victims"].get<bool>()) {
        ++owned;
        EXPECT_EQ(window, 0U) << "the word is released once";
        EXPECT_EQ(point["after"], "40000000") << point;
      } else {
        ++window;
        EXPECT_EQ(point["before"], "00000000") << point;
        EXPECT_EQ(point["after"], "00000000") << point;
      }
    }
    EXPECT_GT(owned, 0U);
    EXPECT_EQ(window, 3U) << report["libc"];
  }
}

TEST_F(audit_at_program, kills_inside_a_system_call_that_sleeps) {
  const outcome result = audit({"take_turn", "--timeout", "1"}, "wait");
  ASSERT_EQ(result.status, 0) << result.err;
  const json report = result.json();
  EXPECT_EQ(report["call_end"], "waits");
  const json& last = report["points"].back();
  EXPECT_TRUE(last["asleep"].get<bool>()) << last;
  EXPECT_EQ(last["verdict"], "ok") << report["other_way"];
  EXPECT_TRUE(last["pending"].get<bool>()) << last;
}

TEST_F(audit_at_program, reports_kill_points_that_another_way_left_out) {
  const outcome result = audit({"be_moody", "--check", "true"}, "moody");
  ASSERT_EQ(result.status, 0) << result.err;
  const json report = result.json();
  EXPECT_FALSE(report["other_way"].empty());
  EXPECT_EQ(report["kill_points"].get<std::size_t>() + report["other_way"].size(),
            report["points"].size());
  for (const json& step : report["other_way"])
    EXPECT_EQ(report["points"][step.get<std::size_t>()]["verdict"], nullptr);
}

TEST_F(audit_at_program, gives_the_check_the_kill_point_and_the_dead_victim) {
  const std::string seen = directory_ / "seen";
  const outcome result =
      audit({"move_money", "--check",
             "test ! -e /proc/$HEIRLOCK_VICTIM_PID && echo $HEIRLOCK_KILL_POINT >> " + seen},
            "move");
  ASSERT_EQ(result.status, 0) << result.out;
  std::istringstream lines(text_of(seen));
  unsigned expected = 0;
  for (unsigned step = 0; lines >> step; ++expected)
    EXPECT_EQ(step, expected);
  EXPECT_EQ(expected, result.json()["points"].size());
}

TEST_F(audit_at_program, replays_each_violation_by_the_line_that_it_prints) {
  const json report = audit({"move_money", "--check", check()}, "move").json();
  ASSERT_FALSE(report["violations"].empty());
  for (const json& entry : report["violations"]) {
    auto line = entry["replay"].get<std::string>();
    const std::string program = HEIRLOCK_PROGRAM " audit";
    ASSERT_EQ(line.rfind(program, 0), 0U) << line;
    const outcome again = shell(line.insert(program.size(), " --json"));
    ASSERT_EQ(again.status, 1) << line << '\n' << again.err;
    const json replayed = again.json();
    EXPECT_EQ(replayed["kill_points"], 1);
    ASSERT_EQ(replayed["violations"].size(), 1U) << line;
    for (const char* key : {"step", "symbol", "offset", "instruction", "verdict", "note"})
      EXPECT_EQ(replayed["violations"][0][key], entry[key]) << line;
  }
}

TEST_F(audit_at_program, keeps_the_programs_output_out_of_the_report) {
  const outcome silent = audit({"move_money", "--kill-point", "0"}, "move");
  EXPECT_EQ(silent.err, "");
  const outcome shown = audit({"move_money", "--kill-point", "0", "--show-output"}, "move");
  EXPECT_NE(shown.err.find("the ledger is open"), std::string::npos) << shown.err;
  EXPECT_EQ(shown.json()["kill_points"], 1);
}

TEST_F(audit_at_program, marks_the_offending_instructions_for_people) {
  const outcome result =
      heirlock({"--at", "move_money", "--check", check(), "--", LEDGER_PROGRAM, file(), "move"});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.out.find("call 1 of move_money: "), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("\n    => "), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("mine 90, yours 0"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("replay one: " HEIRLOCK_PROGRAM " audit --at move_money --check "),
            std::string::npos)
      << result.out;
}

} // namespace
} // namespace heirlock::cli::test
