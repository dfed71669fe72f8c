// SPDX-License-Identifier: Apache-2.0
// A step ends inside x86's repeated string instructions, behind each piece of work; a hardware breakpoint stands before the
// first piece only. Every audit that came to a kill point between two pieces ended with "the lock took another way than
// in the run before".
#include <gtest/gtest.h>

#include <algorithm>

#include "lab/actor/stage.hpp"
#include "lab/audit/audit.hpp"
#include "lab/audit/report.hpp"
#include "lab/process/registers.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

constexpr auto pieces = 8; // string_instruction_lock.c

void expect_a_kill_point_before_each_piece() {
  stage_options options;
  options.subject = STRING_INSTRUCTION_LOCK;
  options.actor_program = HEIRLOCK_ACTOR_PROGRAM;
  stage st(options);
  audit_options alone;
  alone.second_positions = false;
  const case_report report =
      audit_case(st, *scenario_named("owner-killed"), operation::unlock, alone);
  EXPECT_TRUE(report.violations.empty()) << text_report(report, replay_command());
  EXPECT_EQ(report.verdicts.at(verdict::ok), report.kill_points.size());
  const auto at_it = std::ranges::count_if(report.kill_points, [](const kill_point_report& k) {
    return k.instruction.starts_with("rep stosq");
  });
  EXPECT_EQ(at_it, pieces);
}

TEST(string_instruction, has_a_kill_point_before_each_piece_of_its_work) {
  expect_a_kill_point_before_each_piece();
}

TEST(string_instruction, has_them_too_where_breakpoints_stop_nobody) {
  const no_hardware_breakpoints none;
  expect_a_kill_point_before_each_piece();
}

} // namespace
} // namespace heirlock::lab
