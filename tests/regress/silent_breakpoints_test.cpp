// SPDX-License-Identifier: Apache-2.0
// Some virtual machines take hardware breakpoints and stop nobody at them. Every audit then ended with "the lock took
// another way than in the run before".
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lab/actor/stage.hpp"
#include "lab/audit/audit.hpp"
#include "lab/process/breakpoint_probe.hpp"
#include "lab/process/registers.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

case_report unlock_audited() {
  stage_options options;
  options.subject = "pthread-robust";
  options.actor_program = HEIRLOCK_ACTOR_PROGRAM;
  stage st(options);
  audit_options alone;
  alone.second_positions = false;
  return audit_case(st, *scenario_named("reuse-other-process"), operation::unlock, alone);
}

std::vector<std::string> violations_of(const case_report& report) {
  std::vector<std::string> found;
  for (const violation& v : report.violations)
    found.push_back(std::to_string(v.at.step) + " " + v.at.where.describe() + " " +
                    std::string(name_of(v.what)));
  return found;
}

TEST(silent_breakpoints, that_were_armed_but_stop_nobody_are_known_for_what_they_are) {
  EXPECT_FALSE(breakpoint_stops([](thread_id, remote_address) { return true; }));
}

TEST(silent_breakpoints, leave_an_audit_the_verdicts_that_it_has_with_working_ones) {
  const case_report usual = unlock_audited();
  const no_hardware_breakpoints none;
  ASSERT_FALSE(hardware_breakpoints_work());
  const case_report stepped = unlock_audited();
  ASSERT_FALSE(usual.violations.empty());
  EXPECT_EQ(stepped.kill_points.size(), usual.kill_points.size());
  EXPECT_EQ(violations_of(stepped), violations_of(usual));
}

} // namespace
} // namespace heirlock::lab
