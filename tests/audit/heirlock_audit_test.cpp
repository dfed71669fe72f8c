// SPDX-License-Identifier: Apache-2.0
// heirlock's own mutex under audit, in both unlock modes. Of the contended operations, whose paths are long, and where
// the positions of a second actor are tried, one kill point of a kind: every kill point against every position takes
// minutes and is run by command, heirlock audit --subject heirlock.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "lab/actor/stage.hpp"
#include "lab/audit/audit.hpp"
#include "lab/audit/report.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

struct audited_case {
  const char* subject;
  const scenario* what;
  operation op;
};

void PrintTo(const audited_case& c, std::ostream* to) {
  *to << c.subject << " " << name_of(c.op) << " in " << c.what->name();
}

std::vector<audited_case> audited_cases() {
  std::vector<audited_case> cases;
  for (const char* subject : {"heirlock", "heirlock-asymmetric"})
    for (const scenario* what : scenarios_here())
      for (const operation op : all_operations)
        if (what->why_not(op).empty()) cases.push_back({subject, what, op});
  // What it has beside the plain one is who counts as the owner.
  const scenario* const reuse = scenario_named("recursive-tid-reuse");
  for (const operation op : all_operations)
    if (reuse->why_not_here().empty()) cases.push_back({"heirlock-recursive", reuse, op});
  return cases;
}

case_report audit_as(const audited_case& one, const audit_options& options) {
  stage_options surroundings;
  surroundings.subject = one.subject;
  surroundings.actor_program = HEIRLOCK_ACTOR_PROGRAM;
  stage st(surroundings);
  return audit_case(st, *one.what, one.op, options);
}

class HeirlockUnderAudit : public testing::TestWithParam<audited_case> {};

TEST_P(HeirlockUnderAudit, IsCleanAtEveryKillPoint) {
  const operation op = GetParam().op;
  audit_options options;
  options.second_positions = false;
  options.one_of_a_kind = is_contended(op);
  const case_report report = audit_as(GetParam(), options);
  EXPECT_FALSE(report.has_violations()) << text_report(report, replay_command());
  // An audit in which nobody died as the owner, or that skipped nearly everything, has shown nothing.
  EXPECT_GT(report.facts.runs, 8u);
  if (op != operation::trylock_contended) {
    EXPECT_GT(report.facts.died_owning, 0u);
  }
}

std::string name_of_case(const testing::TestParamInfo<audited_case>& one) {
  std::string name = std::string(one.param.subject) + "_" + std::string(name_of(one.param.op)) +
                     "_in_" + std::string(one.param.what->name());
  std::ranges::replace(name, '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(EveryCase, HeirlockUnderAudit, testing::ValuesIn(audited_cases()),
                         name_of_case);

std::vector<audited_case> cases_of_two() {
  std::vector<audited_case> cases = audited_cases();
  std::erase_if(cases, [](const audited_case& c) { return !c.what->second_call(c.op); });
  return cases;
}

class HeirlockBesideASecondActor : public testing::TestWithParam<audited_case> {};

TEST_P(HeirlockBesideASecondActor, IsCleanWhereverBothStand) {
  audit_options options;
  options.one_of_a_kind = true;
  const case_report report = audit_as(GetParam(), options);
  EXPECT_FALSE(report.has_violations()) << text_report(report, replay_command());
  // The first and the last kill point at least, with the second actor at one position at least, in either order.
  options.second_positions = false;
  EXPECT_GE(report.facts.runs, audit_as(GetParam(), options).facts.runs + 4);
}

INSTANTIATE_TEST_SUITE_P(EveryCase, HeirlockBesideASecondActor, testing::ValuesIn(cases_of_two()),
                         name_of_case);

} // namespace
} // namespace heirlock::lab
