// SPDX-License-Identifier: Apache-2.0
//
// The cases of docs/design.md in which the backstop is what serves, other than those of death_test.cpp. In each it is
// shown that nothing else does: the tests of the queue let only the waiter in question have a backstop.
#include "tests/core/inside.hpp"
#include "tests/core/stepped.hpp"

#include "src/core/domain.hpp"

#include <array>
#include <atomic>
#include <linux/futex.h>
#include <memory>
#include <thread>

namespace heirlock::test {
namespace {

struct BackstopTest : testing::TestWithParam<unlock_mode> {
  own_domain where = nameless(GetParam(), 16);
};

INSTANTIATE_TEST_SUITE_P(Modes, BackstopTest,
                         testing::Values(unlock_mode::rmw, unlock_mode::asymmetric),
                         [](const auto& mode) {
                           return mode.param == unlock_mode::rmw ? "Rmw" : "Asymmetric";
                         });

// Of this process and its children to come alone.
void use_backstop(const domain& of) {
  of.native_handle()->backstop_ms = 50;
}

void break_robust_list() {
  syscall(SYS_set_robust_list, nullptr, sizeof(robust_list_head));
}

// The kernel's own reaper, as it runs when memory is short: the pages of a dying process go before its exit walk, and
// with them the head of the robust list.
TEST_P(BackstopTest, AnOwnerWhoseMemoryWasReapedBeforeItsExitIsReported) {
  const own_domain watched = nameless(GetParam(), 8, 50ms);
  shared<heirlock::mutex> lock(watched);
  child owner([&] {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return 1;
    raise(SIGSTOP);
    lock->lock();
    return 0;
  });
  int status = 0;
  ASSERT_EQ(waitpid(owner.pid(), &status, 0), owner.pid());
  ASSERT_TRUE(WIFSTOPPED(status)) << "the owner cannot be traced: status " << status;
  ASSERT_EQ(ptrace(PTRACE_SETOPTIONS, owner.pid(), nullptr, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL),
            0);
  ASSERT_EQ(ptrace(PTRACE_CONT, owner.pid(), nullptr, nullptr), 0);
  ASSERT_EQ(waitpid(owner.pid(), &status, 0), owner.pid());
  ASSERT_EQ(status >> 8, SIGTRAP | PTRACE_EVENT_EXIT << 8) << "it did not come to its exit";
  const auto handle = static_cast<int>(syscall(SYS_pidfd_open, owner.pid(), 0));
  ASSERT_GE(handle, 0);
  constexpr long process_mrelease_call = 448;
  const long reaped = syscall(process_mrelease_call, handle, 0);
  const int error = errno;
  close(handle);
  if (reaped != 0 && (error == ENOSYS || error == EPERM))
    GTEST_SKIP()
        << "this kernel does not let its reaper be called (before Linux 5.15, or a sandbox)";
  ASSERT_EQ(reaped, 0) << "errno " << error;
  ptrace(PTRACE_DETACH, owner.pid(), nullptr, nullptr);
  EXPECT_EQ(owner.ended(), 0);
  EXPECT_EQ(watched.inspect().threads_alive, 1u) << "the test wants an exit that marks nothing";
  EXPECT_TRUE(lock->acquire_for(patience()).needs_repair());
  EXPECT_EQ(watched.inspect().rescued_deaths, 1u);
}

// The numbers of places come again after 2^20. Here the wrap is made by setting the counter back.
TEST_P(BackstopTest, AFollowerThatTakesAStrangersPlaceForItsPredecessorsIsServed) {
  shared<heirlock::mutex> lock(where), elsewhere(where);
  shared<std::atomic<int>> step;
  lock->lock();
  elsewhere->lock();
  child before([&] {
    if (!lock->acquire()) return 1;
    *step = 1;
    while (*step == 1)
      usleep(100);
    return elsewhere->acquire() ? 0 : 2;
  });
  ASSERT_TRUE(before.falls_asleep());
  std::atomic<std::uint32_t>& tail = cells_of(*lock).tail;
  const std::uint32_t ticket = tail;
  use_backstop(where);
  stepped late([&] { return lock->acquire() ? 0 : 1; });
  ASSERT_TRUE(late.step_until([&] { return tail != ticket; })) << "it has a place, and looks later";
  lock->unlock();
  ASSERT_TRUE(eventually([&] { return *step == 1; }));
  core::seat& again = where.native_handle()->seat_number(core::seat_of_ticket(ticket));
  again.sequence[0] = (ticket - 1) & core::sequence_mask;
  *step = 2;
  ASSERT_TRUE(before.falls_asleep());
  ASSERT_EQ(cells_of(*elsewhere).tail, ticket) << "the test wants the same place once more";
  EXPECT_EQ(where.inspect().backstop_timeouts, 0u);
  late.go();
  EXPECT_EQ(late.ended(), 0) << "it waits for one who waits for something else";
  EXPECT_GE(where.inspect().stopped_predecessors, 1u);
  EXPECT_EQ(where.inspect().rescued_wakes, 0u);
  elsewhere->unlock();
  EXPECT_EQ(before.ended(), 0);
}

// What an owner does between its release and its wake, it cannot do while it is stopped.
TEST_P(BackstopTest, AnOwnerThatIsStoppedBetweenReleaseAndWakeDelaysTheNextOneByTheBackstopOnly) {
  shared<heirlock::mutex> lock(where);
  shared<std::atomic<int>> step;
  stepped owner([&] {
    lock->lock();
    *step = 1;
    while (*step == 1)
      usleep(100);
    lock->unlock();
    return pause();
  });
  ASSERT_EQ(owner.run_to_call({SYS_clock_nanosleep}), SYS_clock_nanosleep);
  use_backstop(where);
  child head([&] { return lock->acquire().status() == status::acquired ? 0 : 1; });
  ASSERT_TRUE(head.falls_asleep());
  *step = 2;
  ASSERT_EQ(owner.run_to_call({SYS_futex}), SYS_futex);
  EXPECT_EQ(head.ended(), 0);
  EXPECT_GE(where.inspect().rescued_wakes, 1u);
  EXPECT_EQ(where.inspect().lost_places, 0u);
}

// Nor what a waiter does between the end of its place in the queue and its wake.
TEST_P(BackstopTest,
       AnHeirThatIsStoppedBetweenItsPlaceAndItsWakeDelaysTheNextOneByTheBackstopOnly) {
  shared<heirlock::mutex> lock(where);
  lock->lock();
  stepped heir([&] {
    lock->lock();
    lock->unlock();
    return pause();
  });
  ASSERT_EQ(heir.run_to_call({SYS_futex_waitv}), SYS_futex_waitv);
  heir.begin_call();
  ASSERT_TRUE(heir.falls_asleep());
  use_backstop(where);
  child next([&] { return lock->acquire().status() == status::acquired ? 0 : 1; });
  ASSERT_TRUE(next.falls_asleep());
  lock->unlock();
  ASSERT_TRUE(heir.call_returns());
  ASSERT_EQ(heir.run_to_call({SYS_futex}, is_wake), SYS_futex);
  EXPECT_TRUE(eventually([&] { return where.inspect().rescued_wakes >= 1; }));
  heir.go();
  EXPECT_EQ(next.ended(), 0);
  EXPECT_EQ(where.inspect().lost_places, 0u);
}

// A sleeper that is stopped has left its futexes: the kernel's one wake finds nobody.
TEST_P(BackstopTest, AStoppedWatcherDelaysTheNextOneByTheBackstopOnly) {
  shared<nine> all(where);
  shared<std::atomic<int>> served;
  child owner([&] { return own_nine(*all); });
  ASSERT_TRUE(eventually([&] { return all->held.load(); }));
  child first([&] { return all->locks[6].acquire().needs_repair() ? 0 : 1; });
  ASSERT_TRUE(first.falls_asleep());
  use_backstop(where);
  child second([&] { return all->locks[7].acquire().needs_repair() ? 0 : 1; });
  ASSERT_TRUE(second.falls_asleep());
  first.send(SIGSTOP);
  ASSERT_TRUE(first.stops());
  owner.kill_now();
  EXPECT_EQ(second.ended(), 0);
  EXPECT_GE(where.inspect().stopped_predecessors, 1u);
  EXPECT_EQ(where.inspect().rescued_wakes, 0u);
  first.send(SIGCONT);
  EXPECT_EQ(first.ended(), 0);
}

// Two who sleep on the owner's bell, because one lost its place while it was held up for 32 places of its predecessor.
// The kernel wakes the other, which is killed before it executes another instruction.
TEST_P(BackstopTest, AWatcherThatLostItsPlaceIsServedWhenTheOtherIsKilledAtItsWake) {
  shared<nine> all(where);
  shared<heirlock::mutex> elsewhere(where);
  shared<std::atomic<int>> cycles;
  elsewhere->lock();
  child owner([&] { return own_nine(*all); });
  ASSERT_TRUE(eventually([&] { return all->held.load(); }));
  stepped first([&] { return all->locks[6].acquire().owns() ? 0 : 1; });
  ASSERT_EQ(first.run_to_call({SYS_futex_waitv}), SYS_futex_waitv);
  first.begin_call();
  ASSERT_TRUE(first.falls_asleep());
  child between([&] {
    if (!all->locks[7].acquire()) return 1;
    for (; *cycles < 40; ++*cycles)
      if (elsewhere->acquire_for(0s).owns()) return 2;
    return pause();
  });
  ASSERT_TRUE(between.falls_asleep());
  const std::uint64_t owned = cells_of(all->locks[8]).word;
  core::seat& seat = where.native_handle()->seat_number(detail::seat_of(owned));
  std::atomic<std::uint32_t>& tail = seat.bells[detail::bell_of(owned)].tail;
  const std::uint32_t before = tail;
  use_backstop(where);
  stepped late([&] { return all->locks[8].acquire().needs_repair() ? 0 : 1; });
  ASSERT_TRUE(late.step_until([&] { return tail != before; })) << "it has a place, and looks later";
  all->release_one =
      true; // which wakes the first in passing: it must sleep again, and be held at its next wake
  ASSERT_TRUE(first.call_returns());
  ASSERT_EQ(first.run_to_call({SYS_futex_waitv}), SYS_futex_waitv);
  first.begin_call();
  ASSERT_TRUE(first.falls_asleep());
  ASSERT_TRUE(eventually([&] { return *cycles == 40; }));
  late.go();
  ASSERT_TRUE(late.falls_asleep());
  EXPECT_GE(where.inspect().lost_places, 1u) << "the test wants a lost place";
  owner.kill_now();
  ASSERT_TRUE(first.call_returns()) << "the first watcher was not woken";
  first.kill_now();
  EXPECT_EQ(late.ended(), 0);
  EXPECT_GE(where.inspect().rescued_wakes, 1u) << "something else has served it";
}

// Its process lives, so the liveness lock says nothing; only its own process knows its threads.
TEST_P(BackstopTest, AThreadThatEndsWithABrokenListIsFoundByItsOwnProcessOnly) {
  const own_domain watched = nameless(GetParam(), 8, 20ms);
  shared<heirlock::mutex> lock(watched);
  std::thread([&] {
    lock->lock();
    break_robust_list();
  }).join();
  child stranger([&] { return lock->acquire_for(100ms).status() == status::timed_out ? 0 : 1; });
  EXPECT_EQ(stranger.ended(), 0);
  EXPECT_EQ(watched.inspect().rescued_deaths, 0u);
  EXPECT_TRUE(lock->acquire_for(patience()).needs_repair());
  EXPECT_EQ(watched.inspect().rescued_deaths, 1u);
}

TEST_P(BackstopTest, AFullDomainIsSearchedForThoseWhoDiedUnmarked) {
  const own_domain narrow = nameless(GetParam(), 2);
  shared<heirlock::mutex> lock(narrow);
  shared<std::atomic<int>> ready;
  child living([&] {
    narrow.attach_thread();
    ++*ready;
    return pause();
  });
  child dead([&] {
    narrow.attach_thread();
    break_robust_list();
    ++*ready;
    return pause();
  });
  ASSERT_TRUE(eventually([&] { return *ready == 2; }));
  EXPECT_EQ(lock->acquire().status(), status::domain_full);
  dead.kill_now();
  EXPECT_EQ(narrow.inspect().threads_alive, 2u) << "the test wants a death that nothing has marked";
  EXPECT_TRUE(lock->acquire());
  EXPECT_EQ(narrow.inspect().rescued_deaths, 1u);
  EXPECT_EQ(narrow.inspect().threads_alive, 2u);
}

} // namespace
} // namespace heirlock::test
