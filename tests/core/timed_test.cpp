// SPDX-License-Identifier: Apache-2.0
//
// Locks with a deadline.
#include "tests/core/inside.hpp"
#include "tests/core/mutex_fixture.hpp"

#include <chrono>
#include <cmath>
#include <functional>
#include <thread>

namespace heirlock::test {
namespace {

TEST_P(MutexTest, TimesOutOnBothClocksAndAtOnceInThePast) {
  heirlock::mutex lock(where);
  lock.lock();
  std::thread([&] {
    EXPECT_EQ(lock.acquire_for(2ms).status(), status::timed_out);
    EXPECT_EQ(lock.acquire_until(std::chrono::system_clock::now() + 2ms).status(),
              status::timed_out);
    EXPECT_EQ(lock.acquire_until(std::chrono::steady_clock::now() - 1h).status(),
              status::timed_out);
    EXPECT_EQ(lock.acquire_until(std::chrono::system_clock::time_point(-1h)).status(),
              status::timed_out);
    EXPECT_FALSE(lock.try_lock_for(0s));
  }).join();
  lock.unlock();
  EXPECT_TRUE(lock.try_lock_until(std::chrono::steady_clock::now() - 1h))
      << "free: no time is needed";
  lock.unlock();
}

TEST_P(MutexTest, TheLongestTimesAreWaitedFor) {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  using far_off = std::chrono::time_point<std::chrono::system_clock, hours>;
  shared<heirlock::mutex> lock(where);
  const std::function<bool()> ways[] = {
      [&] { return lock->acquire_for(hours::max()).owns(); },
      [&] { return lock->acquire_for(milliseconds::max()).owns(); },
      [&] { return lock->acquire_for(std::chrono::nanoseconds::max()).owns(); },
      [&] { return lock->acquire_until(far_off::max()).owns(); },
      [&] { return lock->acquire_until(std::chrono::steady_clock::time_point::max()).owns(); },
  };
  for (const auto& way : ways) {
    lock->lock();
    child waiter([&] { return way() ? 0 : 1; });
    EXPECT_TRUE(waiter.falls_asleep());
    lock->unlock();
    EXPECT_EQ(waiter.ended(), 0);
    EXPECT_TRUE(lock->acquire_for(patience())) << "it let go";
  }
}

TEST_P(MutexTest, TimesFarInThePastHavePassed) {
  using far_off = std::chrono::time_point<std::chrono::system_clock, std::chrono::hours>;
  shared<heirlock::mutex> lock(where);
  lock->lock();
  child waiter([&] {
    return lock->try_lock_for(std::chrono::hours::min()) || lock->try_lock_until(far_off::min()) ||
                   lock->try_lock_for(std::chrono::duration<double>(std::nan("")))
               ? 1
               : 0;
  });
  EXPECT_EQ(waiter.ended(), 0);
}

// A release whose wake comes too late for the deadline: here it does not come at all.
TEST_P(MutexTest, AMutexThatIsFreeAtTheDeadlineIsTaken) {
  shared<heirlock::mutex> lock(where);
  lock->lock();
  child waiter([&] { return lock->acquire_for(1s).status() == status::acquired ? 0 : 1; });
  ASSERT_TRUE(waiter.falls_asleep());
  cells_of(*lock).word = detail::word_free;
  EXPECT_EQ(waiter.ended(), 0);
}

TEST_P(MutexTest, AWaiterThatTimesOutLeavesTheOthersServed) {
  shared<heirlock::mutex> lock(where);
  lock->lock();
  child first(
      [&] { return lock->acquire_until(std::chrono::steady_clock::now() + 1s).owns() ? 1 : 0; });
  ASSERT_TRUE(first.falls_asleep());
  child second([&] { return lock->acquire() ? 0 : 1; });
  ASSERT_TRUE(second.falls_asleep());
  const auto slept = where.inspect().head_sleeps;
  EXPECT_EQ(first.ended(), 0);
  ASSERT_TRUE(eventually([&] { return where.inspect().head_sleeps > slept; })) << "it leads now";
  ASSERT_TRUE(second.falls_asleep());
  lock->unlock();
  EXPECT_EQ(second.ended(), 0);
}

} // namespace
} // namespace heirlock::test
