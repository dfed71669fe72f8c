// SPDX-License-Identifier: Apache-2.0
// The mended proposal is clean wherever the instrument can look: every scenario, every operation, and every position
// of the second actor. One test each, so that they run beside each other. Left out
// is the scenario about the reaper of the OOM killer, which takes the list before any walk.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

struct audited_case {
  const scenario* what;
  operation op;
};

void PrintTo(const audited_case& c, std::ostream* to) {
  *to << name_of(c.op) << " in " << c.what->name();
}

std::vector<audited_case> audited_cases() {
  std::vector<audited_case> cases;
  for (const scenario* what : scenarios_here())
    for (const operation op : all_operations)
      if (what->why_not(op).empty() && !is_about_the_reaper(*what)) cases.push_back({what, op});
  return cases;
}

class MendedProposalInFull : public testing::TestWithParam<audited_case> {};

TEST_P(MendedProposalInFull, IsCleanAtEveryKillPointAndSecondPosition) {
  const auto& [what, op] = GetParam();
  const auto report =
      audit_under(kernel::rseq_rl_cs_mended(), std::string(SUBJECT_DIRECTORY) + "/rseq-rl-cs.so",
                  op, std::string(what->name()), true);
  EXPECT_TRUE(is_clean(report)) << replay_under(kernel::rseq_rl_cs_mended(), report);
  EXPECT_GE(report.facts.runs, report.kill_points.size());
}

INSTANTIATE_TEST_SUITE_P(EveryCase, MendedProposalInFull, testing::ValuesIn(audited_cases()),
                         [](const auto& one) {
                           std::string name = std::string(name_of(one.param.op)) + "_in_" +
                                              std::string(one.param.what->name());
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(MendedProposal, LeavesTheReaperAsItIs) {
  for (const scenario* what : scenarios_here()) {
    if (!is_about_the_reaper(*what)) continue;
    const auto report =
        audit_under(kernel::rseq_rl_cs_mended(), std::string(SUBJECT_DIRECTORY) + "/rseq-rl-cs.so",
                    operation::trylock, std::string(what->name()));
    EXPECT_EQ(count(report, verdict::owner_lost), report.kill_points.size()) << what->name();
  }
}

} // namespace
} // namespace heirlock::lab
