// SPDX-License-Identifier: Apache-2.0
//
// Seats: whose they are after a switch to another domain, a detach, a wrap of their numbers.
#include "tests/core/inside.hpp"

#include "src/core/domain.hpp"

#include <atomic>
#include <cerrno>

namespace heirlock::test {
namespace {

struct SeatTest : testing::TestWithParam<unlock_mode> {
  own_domain where = nameless(GetParam(), 8);
  own_domain elsewhere = nameless(GetParam(), 8);
};

INSTANTIATE_TEST_SUITE_P(Modes, SeatTest,
                         testing::Values(unlock_mode::rmw, unlock_mode::asymmetric),
                         [](const auto& mode) {
                           return mode.param == unlock_mode::rmw ? "Rmw" : "Asymmetric";
                         });

// 0 says "no seat": a thread with such a generation would lose its seat, and its locks, at the next switch of domains.
TEST_P(SeatTest, AGenerationThatWrapsIsNotZero) {
  for (std::uint32_t number = 1; number <= 8; ++number)
    where.native_handle()->seat_number(number).generation = ~std::uint32_t{0};
  heirlock::mutex here(where), there(elsewhere);
  here.lock();
  EXPECT_EQ(detail::generation_of(cells_of(here).word), 1u);
  there.lock();
  EXPECT_NO_THROW(here.unlock());
  there.unlock();
}

TEST_P(SeatTest, TheBellsOfHeldLocksStayTakenThroughASwitchOfDomains) {
  heirlock::mutex first(where), second(where), there(elsewhere);
  first.lock();
  there.lock();
  second.lock();
  EXPECT_NE(detail::bell_of(cells_of(first).word), detail::bell_of(cells_of(second).word));
  second.unlock();
  there.unlock();
  first.unlock();
}

TEST_P(SeatTest, ThatWasGivenBackAfterASwitchOfDomainsIsNotResumed) {
  const own_domain narrow = nameless(GetParam(), 1);
  shared<heirlock::mutex> lock(narrow);
  narrow.attach_thread();
  elsewhere.attach_thread();
  lock->lock();
  lock->unlock();
  narrow.detach_thread();
  child next([&] {
    lock->lock();
    return pause();
  });
  ASSERT_TRUE(next.sleeps_in(SYS_pause));
  EXPECT_EQ(lock->try_acquire().status(), status::domain_full) << "it acts from another's seat";
}

TEST_P(SeatTest, WhoSleepsIsServedWhenTheOwnerGivesItsSeatBack) {
  shared<nine> all(where);
  shared<std::atomic<bool>> held, leave;
  child owner([&] {
    for (heirlock::mutex& lock : all->locks)
      lock.lock();
    *held = true;
    while (!*leave)
      usleep(100);
    where.detach_thread();
    return pause(); // its death would wake whom it forgot
  });
  ASSERT_TRUE(eventually([&] { return held->load(); }));
  // Two of one bell, and one of another.
  child first([&] { return all->locks[6].acquire().needs_repair() ? 0 : 1; });
  ASSERT_TRUE(first.falls_asleep());
  child second([&] { return all->locks[7].acquire().needs_repair() ? 0 : 1; });
  ASSERT_TRUE(second.falls_asleep());
  child other([&] { return all->locks[0].acquire().needs_repair() ? 0 : 1; });
  ASSERT_TRUE(other.falls_asleep());
  *leave = true;
  EXPECT_EQ(first.ended(), 0);
  EXPECT_EQ(second.ended(), 0);
  EXPECT_EQ(other.ended(), 0);
}

TEST_P(SeatTest, OfAnOwnerTellsItsThreadAsLongAsItIsItsSeat) {
  const own_domain narrow = nameless(GetParam(), 1);
  shared<heirlock::mutex> lock(narrow);
  int tid = -1;
  EXPECT_EQ(heirlock_owner_tid(&cells_of(*lock), &tid), 0);
  EXPECT_EQ(tid, 0) << "it is free";
  child owner([&] {
    lock->lock();
    return pause();
  });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  const pid_t first = owner.pid();
  EXPECT_EQ(heirlock_owner_tid(&cells_of(*lock), &tid), 0);
  EXPECT_EQ(tid, first);
  owner.kill_now();
  EXPECT_EQ(heirlock_owner_tid(&cells_of(*lock), &tid), 0);
  EXPECT_EQ(tid, first) << "it is dead, and the seat still its";
  narrow.attach_thread();
  EXPECT_EQ(heirlock_owner_tid(&cells_of(*lock), &tid), ESRCH) << "the seat is ours";
  cells_of(*lock).word = detail::never_set;
  EXPECT_EQ(heirlock_owner_tid(&cells_of(*lock), &tid), EINVAL);
}

} // namespace
} // namespace heirlock::test
