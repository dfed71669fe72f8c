// SPDX-License-Identifier: Apache-2.0
// The exit hook comes before the kernel walks the robust list; the end of kill() comes after.
#include <linux/futex.h>

#include <cstring>
#include <set>

#include "lab/process/remote_memory.hpp"
#include "lab/process/robust_list.hpp"
#include "tests/lab/process/traced.hpp"

namespace heirlock::lab::process_test {
namespace {

class exit_hook_suite : public process_suite {
 protected:
  std::uint32_t lock_word() {
    return __atomic_load_n(reinterpret_cast<std::uint32_t*>(&page().mutex.__data.__lock),
                           __ATOMIC_ACQUIRE);
  }
};

TEST_F(exit_hook_suite, sees_the_lock_word_before_the_walk_and_the_kernel_marks_it_after) {
  tracer t;
  tracee& owner = launch(t, "hold");
  const auto tid = static_cast<std::uint32_t>(owner.id().value);
  ASSERT_EQ(lock_word(), tid);
  unsigned calls = 0;
  t.kill(owner.process(), [&](tracee& dying) {
    ++calls;
    EXPECT_EQ(dying.id(), owner.id());
    EXPECT_EQ(lock_word(), tid) << "the list has been walked already";
  });
  EXPECT_EQ(calls, 1U);
  EXPECT_EQ(lock_word(), FUTEX_OWNER_DIED);
  ASSERT_TRUE(owner.status().is<killed>()) << owner.status().describe();
  EXPECT_EQ(owner.status().as<killed>()->signal_number, SIGKILL);
}

TEST_F(exit_hook_suite, finds_registers_and_memory_as_they_were_at_the_kill) {
  tracer t;
  tracee& owner = launch(t, "hold");
  const registers at_kill = owner.regs();
  const auto top = read_value<std::uint64_t>(owner.process(), at_kill.sp());
  const auto head = robust_list_head_of(owner.id());
  ASSERT_TRUE(head);
  const auto first = read_value<std::uint64_t>(owner.process(), *head);
  ASSERT_NE(first, head->value) << "the list holds the mutex";
  t.kill(owner.process(), [&](tracee& dying) {
    // All of them, with the flags: policies judge by more than where the thread stands.
    const registers at_exit = dying.regs();
    EXPECT_EQ(at_exit.pc(), at_kill.pc());
    EXPECT_EQ(std::memcmp(&at_exit.raw(), &at_kill.raw(), sizeof(user_regs_struct)), 0);
    EXPECT_EQ(read_value<std::uint64_t>(dying.process(), at_kill.sp()), top);
    EXPECT_EQ(robust_list_head_of(dying.id()), head);
    EXPECT_EQ(read_value<std::uint64_t>(dying.process(), *head), first);
  });
}

TEST_F(exit_hook_suite, can_take_the_list_from_the_kernel) {
  tracer t;
  tracee& owner = launch(t, "hold");
  const auto tid = static_cast<std::uint32_t>(owner.id().value);
  t.kill(owner.process(), [](tracee& dying) {
    const auto head = robust_list_head_of(dying.id());
    ASSERT_TRUE(head);
    write_value(dying.process(), *head, head->value); // an empty list points to itself
  });
  EXPECT_EQ(lock_word(), tid) << "the kernel walked a list that was no longer there";
}

TEST_F(exit_hook_suite, sees_every_thread_once_while_all_of_them_are_still_there) {
  constexpr unsigned others = 3;
  tracer t;
  const auto threads = launch_with_threads(t, "threads", others);
  ASSERT_EQ(threads.size(), others + 1);
  const thread_id process = threads.front()->process();
  std::set<thread_id> expected;
  for (const tracee* thread : threads) {
    EXPECT_EQ(thread->process(), process);
    expected.insert(thread->id());
  }
  // One runs, the others are stopped: neither is missed.
  threads.back()->resume(resumption::run);
  std::set<thread_id> seen;
  t.kill(process, [&](tracee& dying) {
    EXPECT_TRUE(seen.insert(dying.id()).second) << "twice";
    EXPECT_NE(dying.regs().pc().value, 0U);
    std::uint64_t top = 0;
    EXPECT_TRUE(
        try_read_memory(process, dying.regs().sp(), std::as_writable_bytes(std::span(&top, 1))));
  });
  EXPECT_EQ(seen, expected);
  for (const tracee* thread : t.threads_of(process))
    EXPECT_TRUE(thread->status().is_gone()) << thread->status().describe();
}

TEST_F(exit_hook_suite, that_throws_leaves_nobody_alive) {
  std::optional<witness_of> witness;
  {
    tracer t;
    const auto threads = launch_with_threads(t, "threads", 2);
    witness.emplace(threads.front()->process());
    EXPECT_THROW(
        t.kill(threads.front()->process(), [](tracee&) { throw std::runtime_error("no more"); }),
        std::runtime_error);
  }
  EXPECT_TRUE(witness->sees_it_gone(std::chrono::milliseconds(0)));
}

} // namespace
} // namespace heirlock::lab::process_test
