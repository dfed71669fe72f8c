// SPDX-License-Identifier: Apache-2.0
// What becomes of the locks of a process that the OOM killer kills: the real killer, the real reaper, and the policy that
// would have the reaper pass lists by.
#include <gtest/gtest.h>

#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

const std::string classic = std::string(SUBJECT_DIRECTORY) + "/robust-list.so";

class OomKill : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string lacks = oom_kill_scenario().why_not_here(); !lacks.empty())
      GTEST_SKIP() << lacks;
  }
};
using OomSparePolicy = OomKill;

case_report audit_with(reaper who, std::optional<unsigned> kill_point) {
  stage_options options;
  options.subject = "pthread-robust";
  options.actor_program = installed_actor_program();
  options.memory_reaper = who;
  stage st(options);
  audit_options extent;
  extent.kill_point = kill_point;
  return audit_case(st, oom_kill_scenario(), operation::trylock, extent);
}

TEST_F(OomKill, LosesEveryOwnerWhenTheReaperComesBeforeTheWalk) {
  const auto report = audit_with(reaper::called, std::nullopt);
  EXPECT_EQ(count(report, verdict::owner_lost), report.kill_points.size());
  EXPECT_EQ(report.facts.heads_reaped, report.facts.runs);
  EXPECT_EQ(report.facts.told, 0u);
}

TEST_F(OomKill, IsReportedWhenTheVictimIsThroughWithItsExitBeforeTheReaperComes) {
  const auto report = audit_with(reaper::too_late, 0);
  EXPECT_TRUE(is_clean(report)) << replay_under(kernel::stock(), report);
  EXPECT_EQ(report.facts.reaped, 0u);
  EXPECT_EQ(report.facts.told, 1u);
}

// The kernel's delay of two seconds is no promise.
TEST_F(OomKill, LosesItsOwnersToTheDelayedReaperOfAKernelWhenItIsHeldUpAtItsExit) {
  const auto report = audit_with(reaper::awaited, 0);
  EXPECT_EQ(count(report, verdict::owner_lost), 1u) << replay_under(kernel::stock(), report);
  EXPECT_EQ(report.facts.heads_reaped, 1u);
}

TEST_F(OomSparePolicy, KeepsWhatTheWalkNeedsAndClaimsNoMoreThanAModelCan) {
  for (const std::string& subject : {std::string("pthread-robust"), classic})
    for (const operation op : {operation::lock, operation::unlock}) {
      const auto report = audit_under(kernel::oom_spare(), subject, op, "oom-kill");
      EXPECT_EQ(count(report, verdict::modelled), report.kill_points.size())
          << replay_under(kernel::oom_spare(), report);
      EXPECT_EQ(count(report, verdict::ok), 0u);
      EXPECT_TRUE(report.violations.empty());
      EXPECT_EQ(report.facts.heads_reaped, report.facts.runs);
      EXPECT_GT(report.facts.told, report.facts.runs) << "also owners of the lock itself died";
    }
}

TEST_F(OomSparePolicy, DoesNothingForMemoryThatWasUnmapped) {
  const auto report =
      audit_under(kernel::oom_spare(), classic, operation::trylock, "unmapped-while-held");
  EXPECT_EQ(count(report, verdict::owner_lost), report.kill_points.size());
}

TEST_F(OomSparePolicy, LeavesTheRaceAsItIs) {
  EXPECT_GT(count(audit_under(kernel::oom_spare(), classic, operation::unlock, "remap-file"),
                  verdict::corrupted),
            0u);
}

// The policy with a reaper that spares too little.
class changed_policy final : public kernel::policy {
 public:
  enum class spares { nothing, the_heads_page, the_locks_alone };
  explicit changed_policy(spares what) : what_(what) {}
  std::string_view name() const override { return "oom-spare-changed"; }
  std::string_view summary() const override { return {}; }
  bool spares_from_the_reaper() const override { return true; }
  void before_reaping(kernel::task& dying) const override {
    if (what_ == spares::the_heads_page) dying.memory.read64(*dying.list_head);
    if (what_ == spares::the_locks_alone) dying.memory.read64({arena::own});
  }
  void thread_exits(kernel::task& dying) const override { kernel::oom_spare().thread_exits(dying); }

 private:
  const spares what_;
};

TEST_F(OomSparePolicy, LosesOwnersWhenItsReaperForgetsTheHeadOrAnyMappingThatTheListLeadsThrough) {
  using spares = changed_policy::spares;
  const auto told = [](spares what) {
    const changed_policy policy(what);
    const auto report = audit_under(policy, classic, operation::trylock, "oom-kill");
    EXPECT_EQ(count(report, verdict::owner_lost), report.kill_points.size());
    return report.facts.told;
  };
  EXPECT_EQ(told(spares::nothing), 0u);
  EXPECT_EQ(told(spares::the_locks_alone), 0u);
  told(spares::the_heads_page); // the lock that was taken last may be found, never the oldest
}

} // namespace
} // namespace heirlock::lab
