// SPDX-License-Identifier: Apache-2.0
// Recursive and error-checking mutexes on the robust list, and who takes the TID out of them when their owner ends.
#include <gtest/gtest.h>

#include "lab/process/chosen_id.hpp"
#include "lab/protocols/unmatchable_tid/mutex_kind.hpp"
#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

const std::string recursive_lock = std::string(SUBJECT_DIRECTORY) + "/unmatchable-tid.so";
const std::string errorcheck_lock =
    std::string(SUBJECT_DIRECTORY) + "/unmatchable-tid-errorcheck.so";
constexpr const char* reuse = "recursive-tid-reuse";

class UnmatchableTid : public testing::Test {
 protected:
  void SetUp() override {
    if (!why_ids_cannot_be_chosen().empty()) GTEST_SKIP() << why_ids_cannot_be_chosen();
  }
};

TEST_F(UnmatchableTid, NoLaterThreadIsTakenForTheOwnerUnderThePolicyOrOnTheRunningKernel) {
  for (const std::string& subject : {recursive_lock, errorcheck_lock})
    for (const operation op : all_operations)
      for (const kernel::policy* under : {&kernel::unmatchable_tid(), &kernel::stock()}) {
        const auto report = audit_under(*under, subject, op, reuse);
        EXPECT_TRUE(is_clean(report)) << replay_under(*under, report);
        EXPECT_EQ(report.facts.died_owning > 0, op != operation::trylock_contended);
        EXPECT_EQ(report.facts.told, 0u) << "they are not robust";
      }
}

// The price: a lock that no kill could corrupt before is on the list now.
TEST_F(UnmatchableTid, BringsTheRaceToLocksThatDidNotHaveIt) {
  const char* const other = "reuse-other-process";
  EXPECT_EQ(count(audit_under(kernel::stock(), "pthread-recursive", operation::unlock, other),
                  verdict::corrupted),
            0u);
  EXPECT_GT(count(audit_under(kernel::unmatchable_tid(), recursive_lock, operation::unlock, other),
                  verdict::corrupted),
            0u);
}

// How many of 2,100 locks of a thread that has exited let a later one with its TID be their owner.
std::int64_t usurped_of_many(const kernel::policy& policy) {
  constexpr std::uint32_t many = 2'100;
  stage_options options;
  options.subject = recursive_lock;
  options.actor_program = installed_actor_program();
  options.at_exit = kernel::exit_hook_of(policy);
  stage st(options);
  actor& sibling = st.enter();
  actor& owner = st.enter_beside(sibling);
  EXPECT_EQ(sibling.perform(st.crowd_order(actor_command::init_crowd, many)), 0);
  EXPECT_EQ(owner.perform(st.crowd_order(actor_command::hold_crowd, many)), 0);
  const thread_id dead = owner.id();
  st.end_thread(owner);
  actor& newcomer = st.enter_with_id(dead);
  std::int64_t usurped = 0;
  for (std::uint32_t i = 0; i < many; ++i)
    usurped += newcomer.call(subject_call::trylock, st.crowd_member(i)).returned(0);
  return usurped;
}

TEST_F(UnmatchableTid, ReachesWhatTheKernelForgetsBeyondIts2048) {
  EXPECT_EQ(usurped_of_many(kernel::stock()), 2'100 - 2'048);
  EXPECT_EQ(usurped_of_many(kernel::unmatchable_tid()), 0);
}

// The policy with something left out. A lock that it leaves out keeps the dead thread's TID.
enum class left_out { errorcheck, recursive, behind_the_first, the_pending };

template <left_out What>
class forgetful final : public kernel::policy {
 public:
  std::string_view name() const override { return "unmatchable-tid-forgetful"; }
  std::string_view summary() const override { return {}; }
  void thread_exits(kernel::task& dying) const override {
    seen_ = 0;
    kernel::walk_rules rules;
    rules.given_to = [](kernel::task_memory& memory, remote_address word) {
      return std::optional(forgets(memory, word) ? *memory.read32(word) & FUTEX_TID_MASK
                                                 : robust::unmatchable_tid);
    };
    if (What == left_out::the_pending) rules.pending = kernel::pending_treatment::as_empty;
    kernel::walk_robust_list(dying, rules);
  }

 private:
  static bool forgets(kernel::task_memory& memory, remote_address word) {
    const auto kind = memory.read32(word + robust::kind_distance);
    const auto is = [&](robust::mutex_kind k) { return kind == static_cast<std::uint32_t>(k); };
    switch (What) {
    case left_out::errorcheck:
      return is(robust::mutex_kind::errorcheck);
    case left_out::recursive:
      return is(robust::mutex_kind::recursive);
    case left_out::behind_the_first:
      return seen_++ > 0;
    case left_out::the_pending:
      break;
    }
    return false;
  }

  static inline unsigned seen_ = 0;
};

template <left_out What>
unsigned deceived(const std::string& subject, operation op) {
  const forgetful<What> policy;
  return count(audit_under(policy, subject, op, reuse), verdict::false_owner);
}

TEST_F(UnmatchableTid, WithoutAnyOfItsStepsALaterThreadIsTakenForTheOwner) {
  constexpr auto lock = operation::lock;
  EXPECT_GT(deceived<left_out::errorcheck>(errorcheck_lock, lock), 0u);
  EXPECT_EQ(deceived<left_out::errorcheck>(recursive_lock, lock), 0u);
  EXPECT_GT(deceived<left_out::recursive>(recursive_lock, lock), 0u);
  EXPECT_GT(deceived<left_out::behind_the_first>(recursive_lock, operation::unlock), 0u);
  EXPECT_GT(deceived<left_out::behind_the_first>(errorcheck_lock, lock), 0u);
  EXPECT_GT(deceived<left_out::the_pending>(recursive_lock, lock), 0u);
}

} // namespace
} // namespace heirlock::lab
