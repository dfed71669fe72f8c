// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <numeric>

#include "tests/lab/kernel/fake_memory.hpp"

namespace heirlock::lab::kernel {
namespace {

constexpr std::uint32_t me = dying_thread::tid;
constexpr std::uint32_t somebody = 815;
using words = std::vector<std::uint64_t>;

TEST(ExitWalk, MarksEveryListedLockOfTheDeadAndWakesWhereSomebodyMayWait) {
  dying_thread t;
  t.lock(0, me);
  t.lock(1, me | FUTEX_WAITERS);
  t.list({0, 1});
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED);
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], FUTEX_OWNER_DIED | FUTEX_WAITERS);
  EXPECT_EQ(t.memory.wakes, words{dying_thread::word(1)});
}

TEST(ExitWalk, LeavesListedWordsOfOthersAloneAndDoesNotWakeForThem) {
  dying_thread t;
  t.lock(0, somebody | FUTEX_WAITERS);
  t.lock(1, 0);
  t.list({0, 1});
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], somebody | FUTEX_WAITERS);
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], 0u);
  EXPECT_TRUE(t.memory.wakes.empty());
}

TEST(ExitWalk, WakesForAnOwnerlessPendingLockWithoutTouchingIt) {
  for (const std::uint32_t word :
       {0u, std::uint32_t{FUTEX_OWNER_DIED}, FUTEX_OWNER_DIED | FUTEX_WAITERS}) {
    dying_thread t;
    t.lock(0, word);
    t.pending(0);
    walk_robust_list(t.task, {.wake = wake_rule::ownerless});
    EXPECT_EQ(t.memory.words[dying_thread::word(0)], word);
    EXPECT_EQ(t.memory.wakes, words{dying_thread::word(0)});
  }
}

TEST(ExitWalk, WakesForAForeignPendingLockOnlyUnderTheNewerRuleAndOnlyWithoutTheWaitersBit) {
  const auto wakes = [](std::uint32_t word, wake_rule rule) {
    dying_thread t;
    t.lock(0, word);
    t.pending(0);
    walk_robust_list(t.task, {.wake = rule});
    EXPECT_EQ(t.memory.words[dying_thread::word(0)], word);
    return t.memory.wakes.size();
  };
  EXPECT_EQ(wakes(somebody, wake_rule::ownerless), 0u);
  EXPECT_EQ(wakes(somebody, wake_rule::ownerless_or_bare), 1u);
  EXPECT_EQ(wakes(somebody | FUTEX_WAITERS, wake_rule::ownerless_or_bare), 0u);
}

TEST(ExitWalk, SeesToAPendingLockOnceAlsoWhenItIsListed) {
  dying_thread t;
  t.lock(0, me | FUTEX_WAITERS);
  t.list({0});
  t.pending(0);
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED | FUTEX_WAITERS);
  EXPECT_EQ(t.memory.wakes, words{dying_thread::word(0)});
}

TEST(ExitWalk, MarksPriorityInheritanceLocksButLeavesTheirWakeToTheKernel) {
  dying_thread t;
  t.lock(0, me | FUTEX_WAITERS);
  t.list({0}, 1);
  t.lock(1, 0);
  t.pending(1, 1);
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED | FUTEX_WAITERS);
  EXPECT_TRUE(t.memory.wakes.empty());
}

TEST(ExitWalk, StopsAfter2048EntriesButStillSeesToThePendingLock) {
  dying_thread t;
  std::vector<unsigned> locks(list_limit + 2);
  std::iota(locks.begin(), locks.end(), 0);
  for (const unsigned n : locks)
    t.lock(n, me);
  const unsigned pending = list_limit + 100;
  t.lock(pending, me);
  t.list(locks);
  t.pending(pending);
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(list_limit - 1)], FUTEX_OWNER_DIED);
  EXPECT_EQ(t.memory.words[dying_thread::word(list_limit)], me);
  EXPECT_EQ(t.memory.words[dying_thread::word(pending)], FUTEX_OWNER_DIED);
}

TEST(ExitWalk, EndsOnACircularList) {
  dying_thread t;
  t.lock(0, me);
  t.lock(1, me);
  t.list({0, 1});
  t.memory.put64(dying_thread::node(1), dying_thread::node(0));
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], FUTEX_OWNER_DIED);
}

TEST(ExitWalk, GivesUpAtTheFirstFaultIncludingThePendingLock) {
  dying_thread t;
  for (const unsigned n : {0u, 1u, 2u, 3u})
    t.lock(n, me);
  t.list({0, 1, 2});
  t.pending(3);
  t.memory.words.erase(dying_thread::word(1));
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED);
  EXPECT_EQ(t.memory.words[dying_thread::word(2)], me);
  EXPECT_EQ(t.memory.words[dying_thread::word(3)], me);
}

// The state of locks 0 to 3, in this order on the list, after the walk of a list that is linked both ways.
std::vector<std::uint32_t> after_walk_from_both_ends(const std::vector<unsigned>& unmapped) {
  dying_thread t;
  for (const unsigned n : {0u, 1u, 2u, 3u})
    t.lock(n, me);
  walk_rules rules;
  rules.from_the_end = t.list_two_way({0, 1, 2, 3});
  for (const unsigned n : unmapped)
    t.unmap(n);
  walk_robust_list(t.task, rules);
  std::vector<std::uint32_t> state;
  for (const unsigned n : {0u, 1u, 2u, 3u})
    state.push_back(
        t.memory.words.contains(dying_thread::word(n)) ? t.memory.words[dying_thread::word(n)] : 0);
  return state;
}

TEST(ExitWalk, FromBothEndsALockThatIsGoneHidesNoOther) {
  constexpr std::uint32_t dead = FUTEX_OWNER_DIED;
  using state = std::vector<std::uint32_t>;
  EXPECT_EQ(after_walk_from_both_ends({}), (state{dead, dead, dead, dead}));
  EXPECT_EQ(after_walk_from_both_ends({0}), (state{0, dead, dead, dead}));
  EXPECT_EQ(after_walk_from_both_ends({1}), (state{dead, 0, dead, dead}));
  EXPECT_EQ(after_walk_from_both_ends({3}), (state{dead, dead, dead, 0}));
  // What lies between two that are gone is out of reach from either end.
  EXPECT_EQ(after_walk_from_both_ends({0, 2}), (state{0, me, 0, dead}));
}

// Its way back is mapped still, and leads to locks that have been reported: they have heirs by now.
TEST(ExitWalk, FromTheEndItGoesNoFurtherThanTheFault) {
  dying_thread t;
  for (const unsigned n : {0u, 1u, 2u})
    t.lock(n, me);
  walk_rules rules;
  rules.from_the_end = t.list_two_way({0, 1, 2});
  t.memory.words.erase(dying_thread::node(1));
  t.memory.put64(dying_thread::node(1) + dying_thread::back_offset, dying_thread::node(7));
  t.lock(7, me);
  t.memory.put64(dying_thread::node(7) + dying_thread::back_offset, dying_thread::head);
  walk_robust_list(t.task, rules);
  EXPECT_EQ(t.memory.words[dying_thread::word(2)], FUTEX_OWNER_DIED);
  EXPECT_EQ(t.memory.words[dying_thread::word(7)], me);
}

TEST(ExitWalk, FromBothEndsItEndsOnLinksThatLeadRoundAndWritesOnlyWhatTheDeadOwned) {
  dying_thread t;
  for (const unsigned n : {0u, 1u, 2u})
    t.lock(n, n == 2 ? somebody : me);
  walk_rules rules;
  rules.limit = long_list_limit;
  rules.from_the_end = t.list_two_way({0, 1, 2});
  t.unmap(0);
  t.memory.put64(dying_thread::node(1) + dying_thread::back_offset, dying_thread::node(2));
  walk_robust_list(t.task, rules);
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], FUTEX_OWNER_DIED);
  EXPECT_EQ(t.memory.words[dying_thread::word(2)], somebody);
}

TEST(ExitWalk, SeesToALockWhoseNextCannotBeReadBeforeItGivesUp) {
  dying_thread t;
  t.lock(0, me);
  t.lock(1, me);
  t.list({0});
  t.pending(1);
  t.memory.words.erase(dying_thread::node(0));
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED);
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], me);
}

TEST(ExitWalk, GivesUpAtAMisalignedOrReadOnlyWord) {
  dying_thread t;
  t.lock(0, me);
  t.lock(1, me);
  t.list({0, 1});
  t.memory.read_only.insert(dying_thread::word(0));
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], me);

  dying_thread u;
  u.lock(0, me);
  u.list({0});
  u.memory.put64(dying_thread::head + offsetof(robust_list_head, futex_offset),
                 dying_thread::futex_offset + 2);
  u.memory.words[dying_thread::word(0) + 2] = me;
  walk_robust_list(u.task, {});
  EXPECT_EQ(u.memory.words[dying_thread::word(0) + 2], me);
}

TEST(ExitWalk, LooksAgainWhenTheWordChangesUnderIt) {
  dying_thread t;
  t.lock(0, me);
  t.list({0});
  t.memory.races[dying_thread::word(0)] =
      me | FUTEX_WAITERS; // a waiter announces itself in between
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED | FUTEX_WAITERS);
  EXPECT_EQ(t.memory.wakes, words{dying_thread::word(0)});
}

TEST(ExitWalk, TreatedAsEmptyThePendingLockIsNeitherReadNorWoken) {
  dying_thread t;
  t.lock(0, me);
  t.pending(0);
  walk_robust_list(t.task, {.pending = pending_treatment::as_empty});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], me);
  EXPECT_TRUE(t.memory.wakes.empty());
}

TEST(ExitWalk, AsAWakeThePendingLockIsWokenButNotWritten) {
  dying_thread t;
  t.lock(0, me);
  t.pending(0);
  walk_robust_list(t.task, {.pending = pending_treatment::wake_only});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], me);
  EXPECT_EQ(t.memory.wakes, words{dying_thread::word(0)});
}

// A lock that is still listed has not been given away, whatever a descriptor claims.
TEST(ExitWalk, AsAWakeOrAsEmptyThePendingOperationHidesNoListedLock) {
  for (const auto treatment : {pending_treatment::wake_only, pending_treatment::as_empty}) {
    dying_thread t;
    t.lock(0, me);
    t.list({0});
    t.pending(0);
    walk_robust_list(t.task, {.pending = treatment});
    EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED);
  }
}

TEST(ExitWalk, PendingFirstSeesToItBeforeAnyListedLockIsReported) {
  dying_thread t;
  t.lock(0, me | FUTEX_WAITERS);
  t.lock(1, me | FUTEX_WAITERS);
  t.list({0});
  t.pending(1);
  walk_robust_list(t.task, {.pending_first = true});
  EXPECT_EQ(t.memory.wakes, (words{dying_thread::word(1), dying_thread::word(0)}));
}

// Between its announcement and its removal a lock is pending and on the list.
TEST(ExitWalk, PendingFirstFollowsTheListThoughTheHeirHasUsedTheNodeAnew) {
  dying_thread t;
  t.lock(0, me | FUTEX_WAITERS);
  t.lock(1, me);
  t.list({0, 1});
  t.pending(0);
  t.memory.at_wake = [&] { t.memory.put64(dying_thread::node(0), 0x7f00'dead'0000); };
  walk_robust_list(t.task, {.pending_first = true});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED | FUTEX_WAITERS);
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], FUTEX_OWNER_DIED);
}

TEST(ExitWalk, AnEmptiedListLeavesASecondWalkNothingToDo) {
  dying_thread t;
  t.lock(0, me);
  t.lock(1, me);
  t.list({0});
  t.pending(1);
  ASSERT_TRUE(empty_robust_list(t.task));
  walk_robust_list(t.task, {});
  EXPECT_EQ(t.memory.words[dying_thread::word(0)], me);
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], me);
  EXPECT_TRUE(t.memory.wakes.empty());
}

} // namespace
} // namespace heirlock::lab::kernel
