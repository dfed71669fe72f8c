// SPDX-License-Identifier: Apache-2.0
//
// Interleavings that hardly ever happen, forced: threads are held at a system call, after an instruction, or by
// SIGSTOP, while others go on. The backstop is off: whoever is not woken hangs.
#include "tests/core/inside.hpp"
#include "tests/core/stepped.hpp"

#include "src/core/claim_lock.hpp"
#include "src/core/domain.hpp"

#include <atomic>
#include <linux/membarrier.h>
#include <thread>
#include <vector>

namespace heirlock::test {
namespace {

struct ForcedTest : testing::TestWithParam<unlock_mode> {
  own_domain where = nameless(GetParam());

  core::attached_domain& inside(const domain& of) const { return *of.native_handle(); }
};

INSTANTIATE_TEST_SUITE_P(Modes, ForcedTest,
                         testing::Values(unlock_mode::rmw, unlock_mode::asymmetric),
                         [](const auto& mode) {
                           return mode.param == unlock_mode::rmw ? "Rmw" : "Asymmetric";
                         });

core::seat& seat_of_owner(const domain& where, heirlock::mutex& lock) {
  return where.native_handle()->seat_number(detail::seat_of(cells_of(lock).word.load()));
}

core::bell& bell_of_owner(const domain& where, heirlock::mutex& lock) {
  return seat_of_owner(where, lock).bells[detail::bell_of(cells_of(lock).word.load())];
}

// Acquires and says so, and does not end: a death would wake whom it forgot.
std::function<int()> acquires(heirlock::mutex& lock, std::atomic<int>& served) {
  return [&] {
    if (!lock.acquire().owns()) return 1;
    ++served;
    return pause();
  };
}

// The owner has released and is about to wake; meanwhile another thread of its process gets the mutex, is done
// with it and unmaps the memory, as it may. The wake must not need the mutex.
TEST_P(ForcedTest, AReleaseStillWakesWhenTheMutexIsUnmappedBetweenReleaseAndWake) {
  shared<heirlock::mutex> lock(where);
  struct flags {
    std::atomic<bool> held, release, unmap, unmapped;
    std::atomic<int> served;
  };
  shared<flags> now;
  stepped owner([&] {
    lock->lock();
    std::thread other([&] {
      while (!now->unmap)
        usleep(100);
      lock->lock();
      lock->unlock();
      munmap(&*lock, sizeof(heirlock::mutex));
      now->unmapped = true;
      pause();
    });
    now->held = true;
    while (!now->release)
      usleep(100);
    lock->unlock();
    return pause();
  });
  ASSERT_EQ(owner.run_to_call({SYS_clock_nanosleep}), SYS_clock_nanosleep);
  ASSERT_TRUE(now->held);
  child waiter(acquires(*lock, now->served));
  ASSERT_TRUE(waiter.falls_asleep());
  now->release = true;
  ASSERT_EQ(owner.run_to_call({SYS_futex}, is_wake), SYS_futex);
  now->unmap = true;
  ASSERT_TRUE(eventually([&] { return now->unmapped.load(); }));
  owner.go();
  EXPECT_TRUE(eventually([&] { return now->served == 1; }));
}

// The kernel's one wake goes to the first watcher, which is killed before it executes another instruction.
TEST_P(ForcedTest, OfTwoWatchersTheSecondIsServedWhenTheFirstIsKilledAtItsWake) {
  shared<nine> all(where);
  child owner([&] { return own_nine(*all); });
  ASSERT_TRUE(eventually([&] { return all->held.load(); }));
  stepped first([&] { return all->locks[6].acquire().owns() ? 0 : 1; });
  ASSERT_EQ(first.run_to_call({SYS_futex_waitv}), SYS_futex_waitv);
  first.begin_call();
  ASSERT_TRUE(first.falls_asleep());
  child second([&] { return all->locks[7].acquire().needs_repair() ? 0 : 1; });
  ASSERT_TRUE(second.falls_asleep());
  owner.kill_now();
  ASSERT_TRUE(first.call_returns()) << "the first watcher was not woken";
  first.kill_now();
  EXPECT_EQ(second.ended(), 0);
  EXPECT_EQ(where.inspect().backstop_timeouts, 0u);
}

// A watcher that looked so late that its predecessor's node was used again leads beside the one that leads
// already: two of them sleep on the bell, and the kernel wakes one. That one must pass it on.
TEST_P(ForcedTest, ADeathIsPassedOnToAWatcherThatLostItsPlace) {
  shared<nine> all(where);
  shared<heirlock::mutex> elsewhere(where);
  shared<std::atomic<int>> cycles, served;
  elsewhere->lock();
  child owner([&] { return own_nine(*all); });
  ASSERT_TRUE(eventually([&] { return all->held.load(); }));
  child first(acquires(all->locks[6], *served));
  ASSERT_TRUE(first.falls_asleep());
  child between([&] {
    if (!all->locks[7].acquire()) return 1;
    for (; *cycles < 40; ++*cycles)
      if (elsewhere->acquire_for(0s).owns()) return 2;
    return pause();
  });
  ASSERT_TRUE(between.falls_asleep());
  std::atomic<std::uint32_t>& tail = bell_of_owner(where, all->locks[8]).tail;
  const std::uint32_t before = tail;
  stepped late(acquires(all->locks[8], *served));
  ASSERT_TRUE(late.step_until([&] { return tail != before; })) << "it has a place, and looks later";
  all->release_one = true;
  ASSERT_TRUE(eventually([&] { return *cycles == 40; }));
  ASSERT_TRUE(first.falls_asleep());
  const auto slept = where.inspect().head_sleeps;
  late.go();
  ASSERT_TRUE(eventually([&] { return where.inspect().head_sleeps > slept; }));
  ASSERT_TRUE(late.falls_asleep());
  EXPECT_GT(where.inspect().lost_places, 0u) << "the test wants a lost place";
  owner.kill_now();
  EXPECT_TRUE(eventually([&] { return *served == 2; }));
}

// One place, one node: who queues again must not destroy what its last follower still has to read.
TEST_P(ForcedTest, AFollowerThatLooksLateFindsWhatItsPredecessorLeft) {
  shared<heirlock::mutex> lock(where), elsewhere(where);
  shared<std::atomic<int>> cycles;
  lock->lock();
  elsewhere->lock();
  child before([&] {
    auto got = lock->acquire();
    if (!got) return 1;
    for (; *cycles < 8; ++*cycles)
      if (elsewhere->acquire_for(0s).owns()) return 2;
    while (*cycles == 8)
      usleep(100);
    return 0;
  });
  ASSERT_TRUE(before.falls_asleep());
  std::atomic<std::uint32_t>& tail = cells_of(*lock).tail;
  const std::uint32_t last = tail;
  stepped late([&] { return lock->acquire() ? 0 : 1; });
  ASSERT_TRUE(late.step_until([&] { return tail != last; })) << "it has a place, and looks later";
  lock->unlock();
  ASSERT_TRUE(eventually([&] { return *cycles == 8; }));
  late.go();
  ASSERT_TRUE(late.falls_asleep());
  *cycles = 9;
  EXPECT_EQ(before.ended(), 0);
  EXPECT_EQ(late.ended(), 0);
  EXPECT_EQ(where.inspect().lost_places, 0u);
}

// Three seats: the newcomer gets the one of the dead predecessor, and waits for something else. Its places must
// not pass for those of the dead.
TEST_P(ForcedTest, AFollowerOfTheDeadIsNotMisledByTheNextHolderOfTheSeat) {
  const own_domain narrow = nameless(GetParam(), 3);
  shared<heirlock::mutex> lock(narrow), elsewhere(narrow);
  lock->lock();
  elsewhere->lock();
  child dead([&] { return lock->acquire() ? 0 : 1; });
  ASSERT_TRUE(dead.falls_asleep());
  std::atomic<std::uint32_t>& tail = cells_of(*lock).tail;
  const std::uint32_t last = tail;
  stepped late([&] { return lock->acquire() ? 0 : 1; });
  ASSERT_TRUE(late.step_until([&] { return tail != last; })) << "it has a place, and looks later";
  dead.kill_now();
  child newcomer([&] { return elsewhere->acquire() ? 0 : 1; });
  ASSERT_TRUE(newcomer.falls_asleep());
  late.go();
  ASSERT_TRUE(late.falls_asleep());
  lock->unlock();
  EXPECT_EQ(late.ended(), 0);
  elsewhere->unlock();
  EXPECT_EQ(newcomer.ended(), 0);
}

TEST_P(ForcedTest, AFollowerThatTimesOutDoesNotStrandWhoComesAfterIt) {
  shared<heirlock::mutex> lock(where);
  shared<std::atomic<int>> timed_out, served;
  lock->lock();
  child head([&] {
    if (!lock->acquire()) return 1;
    ++*served;
    return pause();
  });
  ASSERT_TRUE(head.falls_asleep());
  child impatient([&] {
    if (lock->acquire_for(1s).status() != status::timed_out) return 1;
    ++*timed_out;
    return pause(); // its death would wake whom it forgot
  });
  ASSERT_TRUE(impatient.falls_asleep());
  child last(acquires(*lock, *served));
  ASSERT_TRUE(last.falls_asleep());
  ASSERT_TRUE(eventually([&] { return *timed_out == 1; }));
  ASSERT_TRUE(last.falls_asleep());
  lock->unlock();
  EXPECT_TRUE(eventually([&] { return *served == 2; }));
}

// Stops the head, hands the mutex from the owner to the owner, and lets the head find that out.
void sleep_in_vain(const own_domain& where, heirlock::mutex& lock, child& head) {
  const auto slept = where.inspect().head_sleeps;
  head.send(SIGSTOP);
  ASSERT_TRUE(head.stops());
  lock.unlock();
  ASSERT_TRUE(lock.try_lock()) << "which may take what is reserved for heads";
  head.send(SIGCONT);
  ASSERT_TRUE(eventually([&] { return where.inspect().head_sleeps > slept; }));
  ASSERT_TRUE(head.falls_asleep());
}

TEST_P(ForcedTest, AHeadThatSleptInVainIsKeptTheNextReleaseAndTakesIt) {
  shared<heirlock::mutex> lock(where);
  shared<std::atomic<int>> served;
  lock->lock();
  child head(acquires(*lock, *served));
  ASSERT_TRUE(head.falls_asleep());
  // Once is too soon, unless it took long.
  EXPECT_TRUE(eventually([&] {
    sleep_in_vain(where, *lock, head);
    return (cells_of(*lock).word & detail::starve) != 0 || HasFatalFailure();
  }));
  head.send(SIGSTOP);
  ASSERT_TRUE(head.stops());
  lock->unlock();
  EXPECT_EQ(cells_of(*lock).word, detail::word_reserved);
  EXPECT_FALSE(detail::lock_fast(cells_of(*lock))) << "a newcomer overtakes the starving head";
  head.send(SIGCONT);
  EXPECT_TRUE(eventually([&] { return *served == 1; }));
}

// The reservation names no heir, and the head it is meant for may be stopped.
TEST_P(ForcedTest, AFollowersLastTryTakesWhatIsReserved) {
  shared<heirlock::mutex> lock(where);
  shared<std::atomic<int>> served;
  lock->lock();
  child head(acquires(*lock, *served));
  ASSERT_TRUE(head.falls_asleep());
  EXPECT_TRUE(eventually([&] {
    sleep_in_vain(where, *lock, head);
    return (cells_of(*lock).word & detail::starve) != 0 || HasFatalFailure();
  }));
  head.send(SIGSTOP);
  ASSERT_TRUE(head.stops());
  lock->unlock();
  ASSERT_EQ(cells_of(*lock).word, detail::word_reserved);
  EXPECT_EQ(lock->acquire_for(50ms).status(), status::acquired);
  head.send(SIGCONT);
  EXPECT_TRUE(eventually([&] { return *served == 1; }));
}

TEST_P(ForcedTest, ASeatIsClaimedAndGivenBackUnderTheClaimLockOnly) {
  shared<std::atomic<int>> step;
  core::attached_domain& domain = inside(where);
  auto alone = std::make_unique<core::claim_lock>(domain);
  ASSERT_EQ(alone->error(), 0);
  child user([&] {
    where.attach_thread();
    *step = 1;
    while (*step == 1)
      usleep(100);
    where.detach_thread();
    *step = 3;
    return 0;
  });
  ASSERT_TRUE(user.sleeps_in(SYS_fcntl)) << "it does not wait for the claim lock";
  for (std::uint32_t i = 0; i < domain.seat_count; ++i)
    ASSERT_EQ(domain.seats[i].generation, 0u) << "claimed without the claim lock";
  alone.reset();
  ASSERT_TRUE(eventually([&] { return *step == 1; }));
  alone = std::make_unique<core::claim_lock>(domain);
  *step = 2;
  ASSERT_TRUE(user.sleeps_in(SYS_fcntl)) << "it does not wait for the claim lock";
  for (core::bell& each : domain.seats[0].bells)
    EXPECT_TRUE(sys::is_held(each.word())) << "given back without the claim lock";
  alone.reset();
  EXPECT_EQ(user.ended(), 0);
}

// The store buffer cannot be held, but the order of what the waiter does can be seen.
TEST(ForcedAsymmetricTest, AHeadSetsTheFlagThenRunsTheBarrierThenLooksAgain) {
  const own_domain where = nameless(unlock_mode::asymmetric);
  shared<heirlock::mutex> lock(where);
  lock->lock();
  core::bell& rings = bell_of_owner(where, *lock);
  stepped head([&] { return lock->acquire() ? 0 : 1; });
  ASSERT_EQ(head.run_to_call({SYS_membarrier},
                             [](const stepped::call_info& info) {
                               return info.entry.args[0] == MEMBARRIER_CMD_GLOBAL_EXPEDITED;
                             }),
            SYS_membarrier)
      << "it sleeps without a barrier";
  EXPECT_NE(rings.flag, 0u) << "the barrier came before the flag";
  lock->unlock();
  EXPECT_EQ(head.run_to_call({SYS_futex_waitv, SYS_exit_group}), SYS_exit_group)
      << "it did not look again";
  head.go();
  EXPECT_EQ(head.ended(), 0);
}

TEST(ForcedAsymmetricTest, AFlagValueIsNeverUsedTwice) {
  const own_domain where = nameless(unlock_mode::asymmetric);
  shared<heirlock::mutex> lock(where);
  shared<std::atomic<int>> served;
  lock->lock();
  child head(acquires(*lock, *served));
  ASSERT_TRUE(head.falls_asleep());
  std::vector<std::uint32_t> seen{bell_of_owner(where, *lock).flag};
  for (int round = 0; round < 3; ++round) {
    sleep_in_vain(where, *lock, head);
    const std::uint32_t value = bell_of_owner(where, *lock).flag;
    EXPECT_NE(value, 0u);
    for (const std::uint32_t earlier : seen)
      EXPECT_NE(value, earlier);
    seen.push_back(value);
  }
  lock->unlock();
  EXPECT_TRUE(eventually([&] { return *served == 1; }));
}

} // namespace
} // namespace heirlock::test
