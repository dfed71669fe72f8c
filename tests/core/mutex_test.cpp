// SPDX-License-Identifier: Apache-2.0
#include "tests/core/mutex_fixture.hpp"

#include <heirlock/recursive_mutex.hpp>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace heirlock::test {
namespace {

INSTANTIATE_TEST_SUITE_P(Modes, MutexTest,
                         testing::Values(unlock_mode::rmw, unlock_mode::asymmetric),
                         [](const auto& mode) {
                           return mode.param == unlock_mode::rmw ? "Rmw" : "Asymmetric";
                         });

TEST_P(MutexTest, ExcludesThreads) {
  heirlock::mutex lock(where);
  long count = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 20000; ++n) {
        const std::lock_guard<heirlock::mutex> guard(lock);
        ++count;
      }
    });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(count, 80000);
}

TEST_P(MutexTest, WorksWithTheStandardsGuards) {
  heirlock::mutex a(where), b(where);
  {
    const std::scoped_lock both(a, b);
    EXPECT_EQ(a.try_acquire().status(), status::busy);
  }
  std::unique_lock<heirlock::mutex> later(a, std::defer_lock);
  EXPECT_TRUE(later.try_lock_for(1ms));
}

TEST_P(MutexTest, TellsWhoRelocksAndWhoUnlocksWithoutOwning) {
  heirlock::mutex lock(where);
  EXPECT_THROW(lock.unlock(), lock_error) << "a free mutex";
  lock.lock();
  EXPECT_EQ(lock.acquire().status(), status::would_deadlock);
  int by_other = 0;
  std::thread([&] {
    where.attach_thread();
    try {
      lock.unlock();
    } catch (const lock_error& error) {
      by_other = error.code().value();
    }
  }).join();
  EXPECT_EQ(by_other, EPERM);
  lock.unlock();
  EXPECT_TRUE(lock.try_lock()) << "the wrong unlocks changed nothing";
  lock.unlock();
}

TEST_P(MutexTest, TheNextOneIsToldOfADeathExactlyOnce) {
  shared<heirlock::mutex> lock(where);
  child owner([&] { return lock->acquire() ? (pause(), 1) : 2; });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  owner.kill_now();
  {
    auto got = lock->acquire();
    ASSERT_TRUE(got.needs_repair());
    EXPECT_FALSE(got) << "a death cannot be overlooked";
    got.mark_consistent();
    EXPECT_TRUE(got);
    EXPECT_THROW(got.mark_consistent(), lock_error) << "it is consistent";
  }
  EXPECT_TRUE(lock->acquire());
}

TEST_P(MutexTest, ASleeperIsServedWhenTheOwnerDies) {
  shared<heirlock::mutex> lock(where);
  child owner([&] { return lock->acquire() ? (pause(), 1) : 2; });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  child waiter([&] { return lock->acquire().needs_repair() ? 0 : 1; });
  ASSERT_TRUE(waiter.falls_asleep());
  child follower([&] { return lock->acquire().status() == status::not_recoverable ? 0 : 1; });
  ASSERT_TRUE(follower.falls_asleep());
  owner.kill_now();
  EXPECT_EQ(waiter.ended(), 0);
  EXPECT_EQ(follower.ended(), 0) << "the waiter did not repair";
}

// The domain has one seat: who comes after the dead owner holds the very seat that the word names.
TEST_P(MutexTest, AWordOfASeatsLastHolderIsNotTakenForItsNext) {
  const own_domain narrow = nameless(GetParam(), 1);
  shared<heirlock::mutex> lock(narrow);
  for (int round = 0; round < 3; ++round) {
    child owner([&] { return lock->acquire() ? (pause(), 1) : 2; });
    ASSERT_TRUE(owner.sleeps_in(SYS_pause));
    owner.kill_now();
    child next([&] {
      auto got = lock->acquire();
      if (!got.needs_repair()) return 1;
      got.mark_consistent();
      return 0;
    });
    ASSERT_EQ(next.ended(), 0);
  }
}

TEST_P(MutexTest, LockDeclinesADeadOwnersMutexAndLeavesItForOneWhoCanRepair) {
  shared<heirlock::mutex> lock(where);
  child owner([&] { return lock->acquire() ? (pause(), 1) : 2; });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  owner.kill_now();
  for (int i = 0; i < 2; ++i) {
    try {
      lock->lock();
      FAIL() << "the death was overlooked";
    } catch (const lock_error& error) {
      EXPECT_EQ(error.status(), status::owner_died);
    }
    EXPECT_THROW(static_cast<void>(lock->try_lock()), lock_error);
  }
  EXPECT_TRUE(lock->acquire().needs_repair());
}

TEST_P(MutexTest, WhoDoesNotRepairMakesItNotRecoverable) {
  shared<heirlock::mutex> lock(where);
  child owner([&] { return lock->acquire() ? (pause(), 1) : 2; });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  owner.kill_now();
  EXPECT_TRUE(lock->acquire().needs_repair());
  EXPECT_EQ(lock->acquire().status(), status::not_recoverable);
  EXPECT_EQ(lock->try_acquire().status(), status::not_recoverable);
  EXPECT_EQ(lock->acquire_for(1ms).status(), status::not_recoverable);
}

TEST_P(MutexTest, AMatchAnswersEachCase) {
  shared<heirlock::mutex> lock(where);
  const auto how = [&] {
    return lock->acquire().match([] { return std::string("acquired"); },
                                 [](auto& got) {
                                   got.mark_consistent();
                                   return std::string("died");
                                 },
                                 [](status why) { return std::to_string(static_cast<int>(why)); });
  };
  EXPECT_EQ(how(), "acquired");
  child owner([&] { return lock->acquire() ? (pause(), 1) : 2; });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  owner.kill_now();
  EXPECT_EQ(how(), "died");
  EXPECT_EQ(how(), "acquired");
}

TEST_P(MutexTest, AThreadThatEndsWithTheMutexIsADeadOwner) {
  heirlock::mutex lock(where);
  std::thread([&] { lock.lock(); }).join();
  EXPECT_TRUE(lock.acquire().needs_repair());
}

// Shared memory may be mapped twice: what was locked through one mapping is released through the other, and the first
// must not count as locked any more.
TEST_P(MutexTest, TwoMappingsOfOneMutexAreOneMutex) {
  const int memory = memfd_create("mutex", MFD_CLOEXEC);
  ASSERT_EQ(ftruncate(memory, sizeof(heirlock::mutex)), 0);
  const auto map = [&] {
    return mmap(nullptr, sizeof(heirlock::mutex), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  };
  void* const first = map();
  void* const second = map();
  close(memory);
  ASSERT_TRUE(first != MAP_FAILED && second != MAP_FAILED);
  auto& here = *new (first) heirlock::mutex(where);
  auto& there = *static_cast<heirlock::mutex*>(second);
  here.lock();
  there.unlock();
  std::atomic<int> step{0};
  std::thread owner([&] {
    here.lock();
    step = 1;
    while (step == 1)
      std::this_thread::yield();
    EXPECT_NO_THROW(here.unlock());
  });
  while (step == 0)
    std::this_thread::yield();
  EXPECT_THROW(here.unlock(), lock_error) << "it is the other thread's";
  EXPECT_EQ(there.try_acquire().status(), status::busy);
  step = 2;
  owner.join();
  munmap(first, sizeof(heirlock::mutex));
  munmap(second, sizeof(heirlock::mutex));
}

TEST_P(MutexTest, DetachingWithTheMutexIsADeath) {
  heirlock::mutex lock(where);
  std::thread([&] {
    lock.lock();
    where.detach_thread();
    EXPECT_THROW(lock.unlock(), lock_error) << "it is not the owner any more";
    EXPECT_TRUE(lock.acquire().needs_repair()) << "a new seat";
  }).join();
}

TEST_P(MutexTest, AZeroedOrScribbledWordIsRefused) {
  alignas(16) unsigned char memory[sizeof(heirlock::mutex)] = {};
  auto& zeroed = *reinterpret_cast<heirlock::mutex*>(memory);
  EXPECT_EQ(zeroed.acquire().status(), status::invalid);
  EXPECT_EQ(zeroed.try_acquire().status(), status::invalid);
  EXPECT_THROW(zeroed.unlock(), lock_error);

  heirlock::mutex lock(where);
  where.attach_thread();
  for (const std::uint64_t scribble : {0xDEADBEEFCAFEF00Dull, ~0ull, 0x41414141ull}) {
    memcpy(static_cast<void*>(&lock), &scribble, sizeof scribble);
    EXPECT_EQ(lock.try_acquire().status(), status::invalid);
    EXPECT_EQ(lock.acquire_for(1ms).status(), status::invalid);
    EXPECT_THROW(lock.unlock(), lock_error);
  }
}

TEST_P(MutexTest, AMutexOfAnotherDomainIsRefusedAndNeverAdopted) {
  own_domain other = nameless();
  heirlock::mutex lock(other);
  lock.lock();
  lock.unlock();
  other.detach_thread();
  other.close();
  EXPECT_EQ(lock.acquire().status(), status::wrong_domain);
  EXPECT_EQ(lock.try_acquire().status(), status::wrong_domain);
  EXPECT_THROW(lock.unlock(), lock_error);
}

// The same seat number, bell and generation in two domains: only the id tells the words apart.
TEST_P(MutexTest, EqualSeatsOfTwoDomainsAreNotTheSameOwner) {
  const own_domain other = nameless(GetParam());
  heirlock::mutex here(where), there(other);
  const auto word = [](heirlock::mutex& lock) {
    std::uint64_t value = 0;
    memcpy(&value, static_cast<void*>(&lock), sizeof value);
    return value;
  };
  std::atomic<bool> held{false}, done{false};
  std::thread owner([&] {
    here.lock();
    held = true;
    while (!done)
      std::this_thread::yield();
    EXPECT_NO_THROW(here.unlock());
  });
  while (!held)
    std::this_thread::yield();
  std::thread([&] {
    there.lock();
    EXPECT_EQ(word(here), word(there)) << "the test wants equal words";
    EXPECT_THROW(here.unlock(), lock_error);
    EXPECT_EQ(here.try_acquire().status(), status::busy);
    EXPECT_NO_THROW(there.unlock());
  }).join();
  done = true;
  owner.join();
}

TEST_P(MutexTest, AThreadMayHoldMutexesOfManyDomains) {
  std::vector<std::unique_ptr<own_domain>> domains;
  domains.reserve(10);
  for (int i = 0; i < 10; ++i)
    domains.emplace_back(new own_domain(nameless()));
  std::vector<std::unique_ptr<heirlock::mutex>> locks;
  for (int round = 0; round < 3; ++round) {
    for (const std::unique_ptr<own_domain>& each : domains) {
      locks.push_back(std::make_unique<heirlock::mutex>(*each));
      locks.back()->lock();
    }
  }
  for (auto& lock : locks)
    lock->unlock();
}

TEST_P(MutexTest, ARecursiveMutexCountsAndSurvivesItsOwner) {
  shared<recursive_mutex> lock(where);
  lock->lock();
  EXPECT_TRUE(lock->try_lock());
  EXPECT_TRUE(lock->acquire());
  lock->unlock();
  child other([&] { return lock->try_acquire().status() == status::busy ? 0 : 1; });
  EXPECT_EQ(other.ended(), 0);
  lock->unlock();
  EXPECT_THROW(lock->unlock(), lock_error);
  child owner([&] {
    lock->lock();
    lock->lock();
    return pause();
  });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  owner.kill_now();
  auto got = lock->acquire();
  ASSERT_TRUE(got.needs_repair());
  got.mark_consistent();
  got.unlock();
  child next([&] { return lock->try_acquire() ? 0 : 1; });
  EXPECT_EQ(next.ended(), 0) << "the dead owner's count was not inherited";
}

struct many {
  std::array<std::atomic<std::uint64_t>, std::size_t{2} * 100000> memory;
  std::atomic<bool> ready;
};

TEST_P(MutexTest, AHundredThousandMutexesHeldAtDeathAreAllReported) {
  constexpr int count = 100000;
  shared<many> space;
  auto* locks = reinterpret_cast<heirlock::mutex*>(&space->memory);
  for (int i = 0; i < count; ++i)
    new (&locks[i]) heirlock::mutex(where);
  for (const bool only_the_thread : {false, true}) {
    if (only_the_thread) {
      std::thread([&] {
        for (int i = 0; i < count; ++i)
          locks[i].lock();
      }).join();
    } else {
      child owner([&] {
        for (int i = 0; i < count; ++i)
          locks[i].lock();
        space->ready = true;
        return pause();
      });
      ASSERT_TRUE(eventually([&] { return space->ready.load(); }));
      owner.kill_now();
    }
    int reported = 0;
    for (int i = 0; i < count; ++i) {
      auto got = locks[i].try_acquire();
      if (!got.needs_repair()) continue;
      ++reported;
      got.mark_consistent();
    }
    EXPECT_EQ(reported, count);
  }
}

} // namespace
} // namespace heirlock::test
