// SPDX-License-Identifier: Apache-2.0
// Several lists of one thread, of both forms, and lists without an end.
#include <gtest/gtest.h>

#include <numeric>

#include "lab/kernel/policy.hpp"
#include "tests/lab/kernel/fake_memory.hpp"

namespace heirlock::lab::kernel {
namespace {

constexpr std::uint32_t me = dying_thread::tid;

// A thread with a 32-bit list beside its own: one lock on it, and one pending.
struct emulating_thread : dying_thread {
  static constexpr std::uint64_t narrow_head = 0x1000'0000;
  static constexpr std::uint32_t listed = 0x2000'0000; // the word; the node follows it
  static constexpr std::uint32_t announced = 0x2000'0100;
  static constexpr std::uint32_t node_distance = 16;

  emulating_thread() {
    for (const std::uint32_t word : {listed, announced})
      memory.words[word] = me | FUTEX_WAITERS;
    memory.words[narrow_head] = listed + node_distance;
    memory.words[narrow_head + 4] = -node_distance;
    memory.words[narrow_head + 8] = announced + node_distance;
    memory.words[listed + node_distance] = static_cast<std::uint32_t>(narrow_head);
    task.more_lists = {{0, {remote_address{narrow_head}, true}}};
  }
};

constexpr std::uint32_t marked = FUTEX_OWNER_DIED | FUTEX_WAITERS;

TEST(MultiList, WalksA32BitListBesideTheThreadsOwn) {
  emulating_thread t;
  t.lock(0, me);
  t.list({0});
  multi_list().thread_exits(t.task);
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED);
  EXPECT_EQ(t.memory.words[emulating_thread::listed], marked);
  EXPECT_EQ(t.memory.words[emulating_thread::announced], marked);
  EXPECT_EQ(t.memory.wakes.size(), 2u);
}

TEST(MultiList, ReadsA32BitListAsNothingElse) {
  emulating_thread t;
  t.task.more_lists[0].narrow = false;
  multi_list().thread_exits(t.task);
  EXPECT_EQ(t.memory.words[emulating_thread::listed], me | FUTEX_WAITERS);
}

TEST(MultiList, GoesOnWithTheOtherListsAfterAFaultInOne) {
  emulating_thread t;
  t.lock(0, me);
  t.lock(1, me);
  t.lock(2, me);
  t.list({0, 1});
  t.pending(2);
  t.memory.words.erase(dying_thread::word(0));
  multi_list().thread_exits(t.task);
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], me) << "the fault ends its own list";
  EXPECT_EQ(t.memory.words[dying_thread::word(2)], FUTEX_OWNER_DIED) << "but hides nothing else";
  EXPECT_EQ(t.memory.words[emulating_thread::listed], marked);
}

TEST(MultiList, FollowsAListForAsLongAsItIs) {
  dying_thread t;
  std::vector<unsigned> locks(std::size_t{3} * list_limit);
  std::iota(locks.begin(), locks.end(), 0);
  for (const unsigned n : locks)
    t.lock(n, me);
  t.list(locks);
  multi_list().thread_exits(t.task);
  for (const unsigned n : locks)
    ASSERT_EQ(t.memory.words[dying_thread::word(n)], FUTEX_OWNER_DIED) << n;
}

TEST(MultiList, EndsOnACircleWithoutSeeingMuchOfItTwice) {
  for (const unsigned tail : {0u, 1u, 7u, 2100u}) {
    for (const unsigned circle : {1u, 2u, 5u, 2100u}) {
      dying_thread t;
      std::vector<unsigned> locks(tail + circle);
      std::iota(locks.begin(), locks.end(), 0);
      for (const unsigned n : locks)
        t.lock(n, me);
      t.list(locks);
      t.memory.put64(dying_thread::node(tail + circle - 1), dying_thread::node(tail));
      const unsigned pending = tail + circle + 10;
      t.lock(pending, me);
      t.pending(pending);
      multi_list().thread_exits(t.task);
      EXPECT_EQ(t.memory.words[dying_thread::word(pending)], FUTEX_OWNER_DIED);
      for (const unsigned n : locks)
        ASSERT_EQ(t.memory.words[dying_thread::word(n)], FUTEX_OWNER_DIED) << n;
    }
  }
}

} // namespace
} // namespace heirlock::lab::kernel
