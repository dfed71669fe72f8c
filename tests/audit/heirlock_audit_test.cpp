// SPDX-License-Identifier: Apache-2.0
// heirlock's own mutex under audit, in both unlock modes. Of the contended operations, whose paths are long, one kill
// point of a kind is tried, and of the second actor's positions a few: every kill point against every position takes
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

class HeirlockUnderAudit : public testing::TestWithParam<audited_case> {};

TEST_P(HeirlockUnderAudit, IsCleanAtEveryKillPoint) {
  const auto& [subject, what, op] = GetParam();
  stage_options surroundings;
  surroundings.subject = subject;
  surroundings.actor_program = HEIRLOCK_ACTOR_PROGRAM;
  stage st(surroundings);
  audit_options options;
  options.second_positions = false;
  options.one_of_a_kind = is_contended(op);
  const case_report report = audit_case(st, *what, op, options);
  EXPECT_FALSE(report.has_violations()) << text_report(report, replay_command());
  // An audit in which nobody died as the owner, or that skipped nearly everything, has shown nothing.
  EXPECT_GT(report.facts.runs, 8u);
  if (op != operation::trylock_contended) {
    EXPECT_GT(report.facts.died_owning, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryCase, HeirlockUnderAudit, testing::ValuesIn(audited_cases()),
                         [](const auto& one) {
                           std::string name = std::string(one.param.subject) + "_" +
                                              std::string(name_of(one.param.op)) + "_in_" +
                                              std::string(one.param.what->name());
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

} // namespace
} // namespace heirlock::lab
