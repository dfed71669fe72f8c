// SPDX-License-Identifier: Apache-2.0
// What several lists per thread are good for, on real threads: a 32-bit list of a 64-bit process, and more locks than
// the kernel follows.
#include <gtest/gtest.h>

#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

const std::string narrow = std::string(SUBJECT_DIRECTORY) + "/list-32.so";
const std::string wide = std::string(SUBJECT_DIRECTORY) + "/multi-list.so";
const std::string classic = std::string(SUBJECT_DIRECTORY) + "/robust-list.so";

TEST(List32, LosesEveryOwnerOnTheRunningKernelAndNoneUnderTheNewInterface) {
  for (const operation op : {operation::lock, operation::unlock, operation::lock_contended}) {
    const auto stock = audit_under(kernel::stock(), narrow, op, "owner-killed");
    EXPECT_GT(count(stock, verdict::owner_lost), 0u) << name_of(op);
    const auto mended = audit_under(kernel::multi_list(), narrow, op, "owner-killed");
    EXPECT_TRUE(is_clean(mended)) << replay_under(kernel::multi_list(), mended);
    EXPECT_GT(mended.facts.told, 0u);
  }
}

TEST(List32, IsServedInTheOtherScenariosThatDoNotConcernTheRace) {
  for (const char* scenario : {"waiter-asleep", "thread-exit-holding"})
    for (const operation op : {operation::lock, operation::unlock_contended}) {
      const auto report = audit_under(kernel::multi_list(), narrow, op, scenario);
      EXPECT_TRUE(is_clean(report)) << replay_under(kernel::multi_list(), report);
    }
}

TEST(MultiListPolicy, ReportsEachOfManyHeldLocksOnTheOldListAndOnNewOnes) {
  for (const std::string& subject : {classic, wide, narrow}) {
    const auto report = audit_under(kernel::multi_list(), subject, operation::trylock, "many-held");
    EXPECT_TRUE(is_clean(report)) << replay_under(kernel::multi_list(), report);
    EXPECT_GT(report.facts.told, report.facts.runs * 2048);
  }
}

TEST(MultiListPolicy, LeavesTheRaceAsItIs) {
  for (const std::string& subject : {wide, narrow}) {
    for (const char* scenario : {"reuse-other-process", "remap-file"})
      EXPECT_GT(count(audit_under(kernel::multi_list(), subject, operation::unlock, scenario),
                      verdict::corrupted),
                0u)
          << subject << " " << scenario;
    EXPECT_GT(
        count(audit_under(kernel::multi_list(), subject, operation::lock, "killed-while-locking"),
              verdict::corrupted),
        0u)
        << subject;
  }
}

TEST(MultiListPolicy, LosesWhatIsBehindALockOfTheSameListThatWasUnmapped) {
  for (const std::string& subject : {wide, narrow})
    EXPECT_GT(
        count(audit_under(kernel::multi_list(), subject, operation::trylock, "unmapped-while-held"),
              verdict::owner_lost),
        0u)
        << subject;
}

// The policy with one of its steps left out.
class changed_policy final : public kernel::policy {
 public:
  enum class change { other_lists, form, longer_limit };
  explicit changed_policy(change what) : what_(what) {}
  std::string_view name() const override { return "multi-list-changed"; }
  std::string_view summary() const override { return {}; }
  bool has_system_calls() const override { return true; }
  std::optional<std::int64_t> make_system_call(kernel::task& caller, const system_call& call,
                                               kernel::reverse_mapping& pages) const override {
    return kernel::multi_list().make_system_call(caller, call, pages);
  }
  void thread_exits(kernel::task& dying) const override {
    if (what_ == change::other_lists) dying.more_lists.clear();
    if (what_ == change::form)
      for (auto& [index, list] : dying.more_lists)
        list.narrow = false;
    if (what_ != change::longer_limit) return kernel::multi_list().thread_exits(dying);
    for (const auto& [index, list] : dying.more_lists)
      kernel::walk_list(dying, list, {});
  }

 private:
  change what_;
};

TEST(MultiListPolicy, WithoutAnyOfItsStepsOwnersAreLost) {
  using change = changed_policy::change;
  const auto lost = [](change what, const char* scenario) {
    const changed_policy policy(what);
    return count(audit_under(policy, narrow, operation::trylock, scenario), verdict::owner_lost);
  };
  EXPECT_GT(lost(change::other_lists, "owner-killed"), 0u);
  EXPECT_GT(lost(change::form, "owner-killed"), 0u);
  EXPECT_GT(lost(change::longer_limit, "many-held"), 0u);
}

// The scenario list-32, in which the list of 32-bit links is beside whatever the lock under audit has.
TEST(AnEmulator, IsReportedWithItsOwnLockAndThatOfTheProgramUnderTheNewInterface) {
  for (const std::string& subject :
       {std::string("pthread-robust"), std::string("heirlock"), classic, wide, narrow})
    for (const operation op : {operation::lock, operation::unlock}) {
      const auto report = audit_under(kernel::multi_list(), subject, op, "list-32");
      EXPECT_TRUE(is_clean(report)) << replay_under(kernel::multi_list(), report);
      EXPECT_GT(report.facts.told, report.facts.runs) << "also owners of the lock itself died";
    }
}

TEST(AnEmulator, LosesTheOwnerOfTheProgramsLockEverywhereElse) {
  const auto lost_at_every_kill_point = [](const kernel::policy& policy) {
    const auto report = audit_under(policy, "pthread-robust", operation::trylock, "list-32");
    return count(report, verdict::owner_lost) == report.kill_points.size();
  };
  using change = changed_policy::change;
  EXPECT_TRUE(lost_at_every_kill_point(kernel::stock()));
  EXPECT_TRUE(lost_at_every_kill_point(changed_policy(change::other_lists)));
  EXPECT_TRUE(lost_at_every_kill_point(changed_policy(change::form)));
}

// Of the calls of one and the same run some are made here and others wait.
class both_policies final : public kernel::policy {
 public:
  std::string_view name() const override { return "multi-list-and-serialize-mmap"; }
  std::string_view summary() const override { return {}; }
  bool has_system_calls() const override { return true; }
  std::optional<std::int64_t> make_system_call(kernel::task& caller, const system_call& call,
                                               kernel::reverse_mapping& pages) const override {
    return kernel::multi_list().make_system_call(caller, call, pages);
  }
  std::span<const long> serialised_calls() const override {
    return kernel::serialize_mmap().serialised_calls();
  }
  bool must_wait(std::span<const kernel::sibling_state> siblings) const override {
    return kernel::serialize_mmap().must_wait(siblings);
  }
  void thread_exits(kernel::task& dying) const override {
    kernel::multi_list().thread_exits(dying);
  }
};

TEST(MultiListPolicy, WorksInOneRunWithCallsThatWait) {
  const both_policies both;
  const auto remap = audit_under(both, classic, operation::unlock, "remap-file");
  EXPECT_TRUE(is_clean(remap)) << replay_under(both, remap);
  EXPECT_GT(remap.facts.calls_held, remap.facts.calls_let_go);
  EXPECT_GT(remap.facts.calls_let_go, 0u);
  const auto listed = audit_under(both, narrow, operation::lock, "owner-killed");
  EXPECT_TRUE(is_clean(listed)) << replay_under(both, listed);
  EXPECT_GT(listed.facts.told, 0u);
}

} // namespace
} // namespace heirlock::lab
