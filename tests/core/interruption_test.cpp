// SPDX-License-Identifier: Apache-2.0
//
// Waiters that are interrupted: by signals, by a cancellation that has to wait, by a clock that is set.
#include "tests/core/support.hpp"

#include <heirlock/recursive_mutex.hpp>

#include <atomic>
#include <linux/futex.h>
#include <mutex>
#include <pthread.h>
#include <spawn.h>
#include <thread>

namespace heirlock::test {
namespace {

struct InterruptionTest : testing::TestWithParam<unlock_mode> {
  own_domain where = nameless(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Modes, InterruptionTest,
                         testing::Values(unlock_mode::rmw, unlock_mode::asymmetric),
                         [](const auto& mode) {
                           return mode.param == unlock_mode::rmw ? "Rmw" : "Asymmetric";
                         });

std::atomic<int>* handled = nullptr;

// Handlers without SA_RESTART: every system call of the waiter ends with EINTR.
void count_signals(std::atomic<int>& count) {
  handled = &count;
  struct sigaction action {};
  action.sa_handler = [](int) { ++*handled; };
  sigaction(SIGUSR1, &action, nullptr);
}

TEST_P(InterruptionTest, SignalsDoNotEndAWait) {
  shared<heirlock::mutex> lock(where);
  shared<std::atomic<int>> signals, served;
  lock->lock();
  const auto wait_turn = [&] {
    count_signals(*signals);
    if (!lock->acquire()) return 1;
    ++*served;
    return 0;
  };
  child head(wait_turn);
  ASSERT_TRUE(head.falls_asleep());
  child follower(wait_turn);
  ASSERT_TRUE(follower.falls_asleep());
  child timed([&] {
    count_signals(*signals);
    return lock->acquire_for(1s).status() == status::timed_out ? 0 : 1;
  });
  ASSERT_TRUE(timed.falls_asleep());
  for (int round = 0; round < 50; ++round) {
    const int before = *signals;
    head.send(SIGUSR1);
    follower.send(SIGUSR1);
    ASSERT_TRUE(eventually([&] { return *signals >= before + 2; }));
  }
  timed.send(SIGUSR1);
  EXPECT_EQ(timed.ended(), 0);
  EXPECT_EQ(*served, 0);
  lock->unlock();
  EXPECT_EQ(head.ended(), 0);
  EXPECT_EQ(follower.ended(), 0);
}

TEST_P(InterruptionTest, NoLockIsACancellationPoint) {
  heirlock::mutex lock(where);
  std::atomic<bool> got{false}, unlocked{false};
  struct arguments {
    heirlock::mutex& lock;
    std::atomic<bool>&got, &unlocked;
  } given{lock, got, unlocked};
  lock.lock();
  pthread_t waiter{};
  ASSERT_EQ(pthread_create(
                &waiter, nullptr,
                [](void* argument) -> void* {
                  auto& g = *static_cast<arguments*>(argument);
                  g.lock.lock();
                  g.got = true;
                  g.lock.unlock();
                  g.unlocked = true;
                  pthread_testcancel();
                  return nullptr;
                },
                &given),
            0);
  ASSERT_TRUE(eventually([&] { return where.inspect().head_sleeps > 0; }));
  pthread_cancel(waiter);
  lock.unlock();
  void* result = nullptr;
  pthread_join(waiter, &result);
  EXPECT_EQ(result, PTHREAD_CANCELED);
  EXPECT_TRUE(got);
  EXPECT_TRUE(unlocked);
}

// Neither atfork handlers nor a copy of the mappings: the child of posix_spawn is made by vfork.
TEST_P(InterruptionTest, AProgramThatIsSpawnedByAnOwnerNeitherOwnsNorHidesADeath) {
  const own_domain watched = nameless(GetParam(), 8, 20ms);
  shared<heirlock::mutex> lock(watched);
  shared<std::atomic<pid_t>> spawned;
  child owner([&] {
    lock->lock();
    char name[] = "sleep", time[] = "60";
    char* arguments[] = {name, time, nullptr};
    pid_t made = 0;
    if (posix_spawn(&made, "/bin/sleep", nullptr, nullptr, arguments, environ) != 0) return 1;
    *spawned = made;
    syscall(SYS_set_robust_list, nullptr, sizeof(robust_list_head)); // only the liveness lock tells
    return pause();
  });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  EXPECT_EQ(lock->acquire_for(60ms).status(), status::timed_out);
  owner.kill_now();
  EXPECT_TRUE(lock->acquire_for(patience()).needs_repair());
  EXPECT_EQ(kill(*spawned, SIGKILL), 0) << "the program was to live on";
}

TEST_P(InterruptionTest, TheStandardsFunctionsAvoidDeadlockOverSeveral) {
  heirlock::mutex a(where), b(where);
  recursive_mutex c(where);
  long together = 0;
  const auto work = [&](bool forwards) {
    for (int i = 0; i < 2000; ++i) {
      forwards ? std::lock(a, b, c) : std::lock(c, b, a);
      ++together;
      a.unlock();
      b.unlock();
      c.unlock();
    }
  };
  std::thread other([&] { work(false); });
  work(true);
  other.join();
  EXPECT_EQ(together, 4000);
  b.lock();
  std::thread([&] { EXPECT_EQ(std::try_lock(a, b, c), 1); }).join();
  b.unlock();
  const std::unique_lock<recursive_mutex> late(c, std::chrono::system_clock::now() + 1s);
  EXPECT_TRUE(late.owns_lock());
}

} // namespace
} // namespace heirlock::test
