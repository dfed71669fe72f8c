// SPDX-License-Identifier: Apache-2.0
// A fork whose child gets a thread id of choice.
#include "lab/process/chosen_id.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "tests/lab/process/traced.hpp"

namespace heirlock::lab::process_test {
namespace {

class a_fork_with_a_chosen_id : public process_suite {
 protected:
  void SetUp() override {
    if (!why_ids_cannot_be_chosen().empty()) GTEST_SKIP() << why_ids_cannot_be_chosen();
  }

  // Of a child that is gone.
  static thread_id free_id() {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
    return {child};
  }

  // The parent stands before its fork; on return it is back from it, or stopped in it with a child.
  tracee* fork_as(tracer& t, tracee& parent, thread_id wanted) {
    fork_with_chosen_id fork(parent, wanted, {page().addresses[0]});
    parent.resume(resumption::run);
    while (!parent.wait().is_event(PTRACE_EVENT_FORK)) {
      if (parent.status().is_signal(landmark)) return nullptr;
      fork.look();
      parent.resume(resumption::run);
    }
    tracee& child = t.adopt(parent);
    fork.look();
    fork.see_child(child);
    return &child;
  }
};

TEST_F(a_fork_with_a_chosen_id, is_one_to_parent_and_child_alike) {
  tracer t;
  tracee& parent = launch(t, "fork-and-tell");
  const thread_id wanted = free_id();
  tracee* const child = fork_as(t, parent, wanted);
  ASSERT_NE(child, nullptr) << "fork returned " << static_cast<std::int64_t>(page().value.load());
  EXPECT_EQ(child->id(), wanted);
  run_to_landmark(parent);
  EXPECT_EQ(page().value, static_cast<std::uint64_t>(wanted.value));
  run_to_landmark(*child);
  EXPECT_EQ(page().addresses[1], static_cast<std::uint64_t>(wanted.value));
  EXPECT_FALSE(parent.reports_system_calls());
}

TEST_F(a_fork_with_a_chosen_id, fails_when_somebody_has_that_id) {
  tracer t;
  tracee& parent = launch(t, "fork-and-tell");
  EXPECT_EQ(fork_as(t, parent, {getpid()}), nullptr);
  EXPECT_EQ(static_cast<std::int64_t>(page().value.load()), -EEXIST);
}

} // namespace
} // namespace heirlock::lab::process_test
