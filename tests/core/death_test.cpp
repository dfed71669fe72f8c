// SPDX-License-Identifier: Apache-2.0
//
// Deaths in awkward circumstances. Unless a test says otherwise the backstop is off: whoever is not woken by
// the kernel or by another waiter hangs.
#include "tests/core/support.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <thread>

namespace heirlock::test {
namespace {

struct DeathTest : testing::TestWithParam<unlock_mode> {
  own_domain where = nameless(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Modes, DeathTest,
                         testing::Values(unlock_mode::rmw, unlock_mode::asymmetric),
                         [](const auto& mode) {
                           return mode.param == unlock_mode::rmw ? "Rmw" : "Asymmetric";
                         });

struct eight {
  explicit eight(const domain& where)
      : locks{heirlock::mutex(where), heirlock::mutex(where), heirlock::mutex(where),
              heirlock::mutex(where), heirlock::mutex(where), heirlock::mutex(where),
              heirlock::mutex(where), heirlock::mutex(where)} {}
  heirlock::mutex locks[8]; // the last two name the same bell when one thread holds all
};

// The kernel wakes one of the two, and that one dies with the owner, before it can tell the other: the first
// watcher is a thread of the process that is killed, and still asleep when the owner's bells are marked.
TEST_P(DeathTest, OfTwoWatchersOfOneBellTheSecondIsServedWhenTheFirstIsKilledInItsTurn) {
  for (int round = 0; round < 40; ++round) {
    shared<eight> held(where);
    shared<std::atomic<bool>> holding;
    const auto slept = where.inspect().head_sleeps;
    child owner([&] {
      for (heirlock::mutex& lock : held->locks)
        lock.lock();
      std::thread([&] { return held->locks[6].acquire().owns(); }).detach();
      *holding = true;
      return pause();
    });
    ASSERT_TRUE(eventually([&] { return holding->load(); }));
    ASSERT_TRUE(eventually([&] { return where.inspect().head_sleeps == slept + 1; }));
    child second([&] { return held->locks[7].acquire().needs_repair() ? 0 : 1; });
    ASSERT_TRUE(second.falls_asleep());
    owner.kill_now();
    ASSERT_EQ(second.ended(), 0) << "round " << round;
  }
  EXPECT_EQ(where.inspect().backstop_timeouts, 0u);
}

TEST_P(DeathTest, TheFollowerOfAKilledWaiterTakesItsPlace) {
  // They do not end when they have had the mutex: a death would wake whom they forgot.
  const auto wait_turn = [](heirlock::mutex& lock, std::atomic<int>& served) {
    if (!lock.acquire()) return 1;
    ++served;
    return pause();
  };
  for (int round = 0; round < 20; ++round) {
    shared<heirlock::mutex> lock(where);
    shared<std::atomic<int>> served;
    lock->lock();
    child head([&] { return wait_turn(*lock, *served); });
    ASSERT_TRUE(head.falls_asleep());
    child middle([&] { return wait_turn(*lock, *served); });
    ASSERT_TRUE(middle.falls_asleep());
    child last([&] { return wait_turn(*lock, *served); });
    ASSERT_TRUE(last.falls_asleep());
    (round % 2 == 0 ? head : middle).kill_now();
    lock->unlock();
    ASSERT_TRUE(eventually([&] { return served->load() == 2; })) << "round " << round;
  }
}

TEST_P(DeathTest, CloseRangeInALivingOwnerIsNoDeath) {
  const own_domain watched = nameless(GetParam(), 8, 20ms);
  shared<heirlock::mutex> lock(watched);
  child owner([&] {
    auto got = lock->acquire();
    syscall(SYS_close_range, 3u, ~0u, 0u);
    return got ? pause() : 1;
  });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  // The backstop asks about the owner's life again and again.
  EXPECT_EQ(lock->acquire_for(200ms).status(), status::timed_out);
  EXPECT_GT(watched.inspect().backstop_timeouts, 0u);
  EXPECT_EQ(watched.inspect().rescued_deaths, 0u);
  owner.kill_now();
  EXPECT_TRUE(lock->acquire().needs_repair());
}

TEST_P(DeathTest, AChildOfTheOwnerDoesNotHideItsDeath) {
  const own_domain watched = nameless(GetParam(), 8, 20ms);
  shared<heirlock::mutex> lock(watched);
  shared<std::atomic<pid_t>> orphan;
  const pid_t tester = getpid();
  child owner([&] {
    auto got = lock->acquire();
    // Breaks the robust list, so that only the liveness lock can tell.
    syscall(SYS_set_robust_list, nullptr, sizeof(robust_list_head));
    const pid_t forked = fork();
    if (forked == 0) {
      // Outlives its parent, but not the test.
      while (getppid() != 0 && kill(tester, 0) == 0)
        usleep(1000);
      return 0;
    }
    *orphan = forked;
    return got ? pause() : 1;
  });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  owner.kill_now();
  EXPECT_TRUE(lock->acquire_for(10s).needs_repair());
  EXPECT_EQ(kill(orphan->load(), SIGKILL), 0) << "the child was to live on";
  EXPECT_EQ(watched.inspect().rescued_deaths, 1u);
}

// The kernel gives up after 2,048 entries of the robust list; the bells are the oldest ones here.
TEST_P(DeathTest, MoreRobustMutexesThanTheKernelWalksAreServedByTheBackstop) {
  const own_domain watched = nameless(GetParam(), 8, 50ms);
  shared<heirlock::mutex> lock(watched);
  struct others {
    pthread_mutex_t mutexes[3000];
  };
  shared<others> beside;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  // NOLINTNEXTLINE(misc-non-copyable-objects): a reference, no copy
  for (auto& mutex : beside->mutexes)
    pthread_mutex_init(&mutex, &attributes);
  child owner([&] {
    auto got = lock->acquire();
    // NOLINTNEXTLINE(misc-non-copyable-objects): a reference, no copy
    for (auto& mutex : beside->mutexes)
      pthread_mutex_lock(&mutex);
    return got ? pause() : 1;
  });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  owner.kill_now();
  EXPECT_TRUE(lock->acquire_for(10s).needs_repair());
  EXPECT_EQ(watched.inspect().rescued_deaths, 1u);
}

// The kernel marks nothing when a thread other than the leader calls exec.
TEST_P(DeathTest, ExecByAThreadThatIsNotTheLeaderIsReported) {
  const own_domain watched = nameless(GetParam(), 8, 50ms);
  shared<heirlock::mutex> lock(watched);
  shared<std::atomic<bool>> holding;
  child owner([&] {
    std::thread([&] {
      auto got = lock->acquire();
      *holding = static_cast<bool>(got);
      execl("/bin/sleep", "sleep", "60", static_cast<char*>(nullptr));
    }).join();
    return 1;
  });
  ASSERT_TRUE(eventually([&] { return holding->load(); }));
  EXPECT_TRUE(lock->acquire_for(10s).needs_repair());
}

TEST_P(DeathTest, ExecByTheLeaderIsReported) {
  shared<heirlock::mutex> lock(where);
  shared<std::atomic<bool>> holding;
  child owner([&] {
    auto got = lock->acquire();
    *holding = static_cast<bool>(got);
    execl("/bin/sleep", "sleep", "60", static_cast<char*>(nullptr));
    return 1;
  });
  ASSERT_TRUE(eventually([&] { return holding->load(); }));
  EXPECT_TRUE(lock->acquire_for(10s).needs_repair());
}

TEST_P(DeathTest, AStoppedPredecessorDelaysItsFollowerByTheBackstopOnly) {
  const own_domain watched = nameless(GetParam(), 8, 50ms);
  shared<heirlock::mutex> lock(watched);
  lock->lock();
  child head([&] { return lock->acquire() ? 0 : 1; });
  ASSERT_TRUE(head.falls_asleep());
  child follower([&] { return lock->acquire() ? 0 : 1; });
  ASSERT_TRUE(follower.falls_asleep());
  head.send(SIGSTOP);
  ASSERT_TRUE(head.stops());
  lock->unlock();
  EXPECT_EQ(follower.ended(), 0);
  EXPECT_GT(watched.inspect().stopped_predecessors, 0u);
  head.send(SIGCONT);
  EXPECT_EQ(head.ended(), 0);
}

// Two containers: the same TIDs in two PID namespaces, one domain.
bool may_make_pid_namespaces() {
  child probe([] { return unshare(CLONE_NEWPID) == 0 ? 0 : 1; });
  return probe.ended() == 0;
}

// What a child does that is to do `body` as the first process of a PID namespace; it notes its TID there.
std::function<int()> contained(std::atomic<pid_t>& tid, std::function<int()> body) {
  return [&tid, body = std::move(body)] {
    if (unshare(CLONE_NEWPID) != 0) return 1;
    const pid_t inner = fork();
    if (inner == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      tid = static_cast<pid_t>(syscall(SYS_gettid));
      _exit(body());
    }
    int result = 0;
    waitpid(inner, &result, 0);
    return WIFEXITED(result) ? WEXITSTATUS(result) : 1;
  };
}

TEST_P(DeathTest, TwinsInTwoPidNamespacesAreNotTakenForEachOther) {
  if (!may_make_pid_namespaces()) GTEST_SKIP() << "this process may not make PID namespaces";
  shared<heirlock::mutex> lock(where);
  shared<std::array<std::atomic<pid_t>, 2>> seen;
  shared<std::atomic<bool>> go;
  for (int round = 0; round < 5; ++round) {
    *go = false;
    child owner(contained((*seen)[0], [&] {
      auto got = lock->acquire();
      if (!got) return 1;
      (*seen)[0] = 0;
      (*seen)[0] = static_cast<pid_t>(syscall(SYS_gettid));
      while (!go->load())
        usleep(100);
      return 0;
    }));
    ASSERT_TRUE(eventually([&] { return (*seen)[0].load() != 0 && !lock->try_acquire().owns(); }));
    {
      const auto slept = where.inspect().head_sleeps;
      const auto alive = where.inspect().threads_alive;
      // The twin waits, and is killed: the owner lives, and nobody may think otherwise.
      child twin(contained((*seen)[1], [&] { return lock->acquire() ? 0 : 1; }));
      ASSERT_TRUE(eventually([&] { return where.inspect().head_sleeps > slept; }));
      twin.kill_now();
      // Its container's init ends with it; the kernel has marked its bells when its seat is free.
      ASSERT_TRUE(eventually([&] { return where.inspect().threads_alive == alive; }));
      ASSERT_EQ((*seen)[0].load(), (*seen)[1].load()) << "no twins";
    }
    EXPECT_EQ(lock->acquire_for(20ms).status(), status::timed_out) << "a false death";
    *go = true;
    EXPECT_EQ(owner.ended(), 0);
    EXPECT_TRUE(lock->acquire());
    (*seen)[0] = (*seen)[1] = 0;
  }
}

TEST_P(DeathTest, TheDeathOfAnOwnerIsReportedThoughItsTwinInAnotherPidNamespaceLives) {
  if (!may_make_pid_namespaces()) GTEST_SKIP() << "this process may not make PID namespaces";
  shared<heirlock::mutex> lock(where);
  shared<std::array<std::atomic<pid_t>, 2>> seen;
  child twin(contained((*seen)[1], [&] {
    where.attach_thread();
    return pause();
  }));
  ASSERT_TRUE(eventually([&] { return where.inspect().threads_alive == 1; }));
  for (int round = 0; round < 5; ++round) {
    shared<std::atomic<bool>> holding;
    child owner(contained((*seen)[0], [&] {
      auto got = lock->acquire();
      *holding = got.owns();
      return pause();
    }));
    ASSERT_TRUE(eventually([&] { return holding->load(); }));
    ASSERT_EQ((*seen)[0].load(), (*seen)[1].load()) << "no twins";
    owner.kill_now();
    auto got = lock->acquire();
    ASSERT_TRUE(got.needs_repair()) << "round " << round;
    got.mark_consistent();
    EXPECT_EQ(where.inspect().threads_alive, 2u) << "the twin, and who asks";
  }
}

} // namespace
} // namespace heirlock::test
