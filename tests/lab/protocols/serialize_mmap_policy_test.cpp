// SPDX-License-Identifier: Apache-2.0
// What it is good for that mapping calls wait, and what they must not wait for.
#include <gtest/gtest.h>

#include <sys/syscall.h>

#include <algorithm>
#include <chrono>

#include "lab/process/robust_list.hpp"
#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

using kernel::sibling_state;

const std::string classic = std::string(SUBJECT_DIRECTORY) + "/robust-list.so";

// The policy with one thing done otherwise.
class changed_policy : public kernel::policy {
 public:
  std::string_view name() const override { return "serialize-mmap-changed"; }
  std::string_view summary() const override { return {}; }
  void thread_exits(kernel::task& dying) const override {
    kernel::serialize_mmap().thread_exits(dying);
  }
  std::span<const long> serialised_calls() const override {
    return kernel::serialize_mmap().serialised_calls();
  }
  bool must_wait(std::span<const sibling_state> siblings) const override {
    return kernel::serialize_mmap().must_wait(siblings);
  }
};

case_report remap_under(const kernel::policy& policy) {
  return audit_under(policy, classic, operation::unlock, "remap-file");
}

TEST(SerializeMmap, ProtectsTheFileByHavingTheScenariosOwnCallWait) {
  for (const operation op : {operation::unlock, operation::unlock_contended}) {
    const auto report = audit_under(kernel::serialize_mmap(), classic, op, "remap-file");
    EXPECT_TRUE(is_clean(report)) << replay_under(kernel::serialize_mmap(), report);
    EXPECT_GT(report.facts.held_up, 0u);
    EXPECT_GT(report.facts.calls_held, report.facts.calls_let_go);
    // Let go where the victim was left alive and went on; elsewhere its process died, and the caller with it.
    EXPECT_GT(report.facts.calls_let_go, 0u);
  }
}

TEST(SerializeMmap, ProtectsNobodyWhoReusesMemoryWithoutAMappingCall) {
  for (const char* scenario : {"reuse-same-process", "reuse-other-process", "join-then-free"})
    EXPECT_EQ(count(audit_under(kernel::serialize_mmap(), classic, operation::unlock, scenario),
                    verdict::corrupted),
              3u)
        << scenario;
}

// Whom the walk wakes does not wait for its end, though each of his system calls is reported to the supervisor.
TEST(SerializeMmap, LeavesTheRaceOfAThreadThatIsKilledWhileItLocksAsItIs) {
  EXPECT_GT(
      count(audit_under(kernel::serialize_mmap(), classic, operation::lock, "killed-while-locking"),
            verdict::corrupted),
      0u);
}

// Also where it is the sleeper who does, whose every system call is reported to the supervisor.
TEST(SerializeMmap, LeavesTheContendedUnlockAsItIs) {
  const auto corrupted_under = [](const kernel::policy& policy) {
    return count(audit_under(policy, classic, operation::unlock_contended, "reuse-same-process"),
                 verdict::corrupted);
  };
  const unsigned under_stock = corrupted_under(kernel::stock());
  EXPECT_GT(under_stock, 3u) << "the wake lies in the window";
  EXPECT_EQ(corrupted_under(kernel::serialize_mmap()), under_stock);
}

class looks_at_nobody final : public changed_policy {
  bool must_wait(std::span<const sibling_state>) const override { return false; }
};

class forgets_mmap final : public changed_policy {
 public:
  forgets_mmap() {
    for (const long call : changed_policy::serialised_calls())
      if (call != SYS_mmap && call != SYS_munmap) calls_.push_back(call);
  }
  std::span<const long> serialised_calls() const override { return calls_; }

 private:
  std::vector<long> calls_;
};

TEST(SerializeMmap, WithoutAnyOfItsStepsTheFileIsCorrupted) {
  EXPECT_EQ(count(remap_under(looks_at_nobody()), verdict::corrupted), 3u);
  EXPECT_EQ(count(remap_under(forgets_mmap()), verdict::corrupted), 3u);
}

stage_options surroundings(const kernel::policy& policy) {
  stage_options options;
  options.subject = classic;
  options.actor_program = installed_actor_program();
  options.at_exit = kernel::exit_hook_of(policy);
  options.at_system_call = kernel::delay_hook_of(policy);
  return options;
}

// Unmaps memory that has nothing to do with the lock. True: it returns.
bool unmaps(actor& a) {
  mailbox order = {};
  order.command = actor_command::unmap;
  order.object = arena::object_b;
  order.size = HEIRLOCK_SUBJECT_MAX_SIZE;
  a.start(order);
  return a.await(std::chrono::milliseconds(10)) == 0;
}

// A thread that holds the lock on which a sibling sleeps maps memory.
bool a_holder_can_map(const kernel::policy& policy) {
  stage st(surroundings(policy));
  actor& holder = st.enter();
  actor& sleeper = st.enter_beside(holder);
  holder.call(subject_call::init, arena::object_a);
  holder.call(subject_call::lock, arena::object_a);
  if (!sleeper.call(subject_call::lock, arena::object_a).waits()) return false;
  return unmaps(holder);
}

class waits_for_sleepers_too final : public changed_policy {
  bool must_wait(std::span<const sibling_state> siblings) const override {
    return std::ranges::any_of(siblings,
                               [](const sibling_state& s) { return s.pending.has_value(); });
  }
};

TEST(SerializeMmap, WouldBeADeadlockIfItWaitedForASiblingThatSleepsOnTheCallersLock) {
  EXPECT_TRUE(a_holder_can_map(kernel::serialize_mmap()));
  EXPECT_FALSE(a_holder_can_map(waits_for_sleepers_too()));
}

TEST(SerializeMmap, HoldsSiblingsAloneAndLetsThemGoWhenTheOperationIsOver) {
  stage st(surroundings(kernel::serialize_mmap()));
  actor& victim = st.enter();
  actor& sibling = st.enter_beside(victim);
  actor& stranger = st.enter();
  victim.call(subject_call::init, arena::object_a);
  victim.call(subject_call::lock, arena::object_a);
  EXPECT_TRUE(unmaps(sibling)) << "nothing is pending";
  victim.begin(subject_call::unlock, arena::object_a);
  while (pending_operation_of(victim.id()).value == 0)
    ASSERT_EQ(victim.step(), progress::at_instruction);
  EXPECT_FALSE(unmaps(sibling));
  EXPECT_TRUE(unmaps(stranger)) << "a process has no say in the mappings of another";
  EXPECT_EQ(st.delayed().held, 1u);
  EXPECT_EQ(st.delayed().let_go, 0u);
  ASSERT_TRUE(victim.finish().returned(0));
  EXPECT_EQ(sibling.await(std::chrono::milliseconds(10)), 0);
  EXPECT_EQ(st.delayed().let_go, 1u);
}

TEST(SerializeMmap, LetsThemGoAtTheDeathOfTheThreadAlone) {
  stage st(surroundings(kernel::serialize_mmap()));
  actor& sibling = st.enter();
  actor& victim = st.enter_beside(sibling);
  victim.call(subject_call::init, arena::object_a);
  victim.call(subject_call::lock, arena::object_a);
  victim.begin(subject_call::unlock, arena::object_a);
  while (pending_operation_of(victim.id()).value == 0)
    ASSERT_EQ(victim.step(), progress::at_instruction);
  EXPECT_FALSE(unmaps(sibling));
  st.end_thread_here(victim);
  EXPECT_EQ(sibling.await(std::chrono::milliseconds(10)), 0);
  EXPECT_EQ(st.delayed().let_go, 1u);
}

} // namespace
} // namespace heirlock::lab
