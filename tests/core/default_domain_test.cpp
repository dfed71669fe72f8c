// SPDX-License-Identifier: Apache-2.0
//
// How a process finds the domain of a mutex: the user's default one, found or made at first use, and others.
#include "tests/core/stepped.hpp"

#include "src/core/domain.hpp"

#include <heirlock/recursive_mutex.hpp>

#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <thread>
#include <vector>

namespace heirlock::test {
namespace {

// The default domain of this test's processes: a name that nothing else uses, and that is gone when the test ends.
class default_for_test {
 public:
  default_for_test() {
    static int number = 0;
    path_ = "/dev/shm/heirlock-test-default-" + std::to_string(getpid()) + "-" +
            std::to_string(number++);
    unlink(path_.c_str());
    const char* before = getenv("HEIRLOCK_DOMAIN");
    before_ = before != nullptr ? before : "";
    setenv("HEIRLOCK_DOMAIN", path_.c_str(), 1);
  }
  ~default_for_test() {
    unlink(path_.c_str());
    setenv("HEIRLOCK_DOMAIN", before_.c_str(), 1);
  }
  default_for_test(const default_for_test&) = delete;
  default_for_test& operator=(const default_for_test&) = delete;
  const char* c_str() const { return path_.c_str(); }
  bool exists() const { return access(path_.c_str(), F_OK) == 0; }

 private:
  std::string path_, before_;
};

struct room {
  alignas(16) unsigned char bytes[sizeof(heirlock::mutex)];
  heirlock::mutex& lock() { return *reinterpret_cast<heirlock::mutex*>(bytes); }
};

TEST(DefaultDomainTest, TwentyProcessesThatRaceToMakeItByTheirFirstMutexShareIt) {
  const default_for_test path;
  struct race {
    std::atomic<int> ready, made;
    room rooms[20];
  };
  shared<race> all;
  std::vector<std::unique_ptr<child>> racers;
  racers.reserve(20);
  for (int i = 0; i < 20; ++i)
    racers.push_back(std::make_unique<child>([&, i] {
      ++all->ready;
      while (all->ready < 20)
        usleep(50);
      new (all->rooms[i].bytes) heirlock::mutex;
      ++all->made;
      while (all->made < 20)
        usleep(50);
      return all->rooms[(i + 1) % 20].lock().acquire() ? 0 : 1; // another one's
    }));
  for (auto& racer : racers)
    EXPECT_EQ(racer->ended(), 0);
}

// A maker has no name to show before the last step: what others can see changes at system calls alone. It is killed
// before each of them, and after each.
TEST(DefaultDomainTest, AMakerThatIsKilledAtAnySystemCallLeavesNothingHalfMade) {
  const default_for_test path;
  int made = 0, not_made = 0;
  bool ended = false;
  for (int stops = 1; !ended; ++stops) {
    ASSERT_LT(stops, 2000) << "the maker does not end";
    unlink(path.c_str());
    {
      stepped maker([] {
        domain::of_user();
        return 0;
      });
      for (int i = 0; i < stops && !ended; ++i)
        ended = !maker.run_to_stop();
    }
    (path.exists() ? made : not_made)++;
    child next([] {
      heirlock::mutex lock;
      return lock.acquire() && domain::of_user().inspect().threads_alive == 1 ? 0 : 1;
    });
    ASSERT_EQ(next.ended(), 0) << "after " << stops << " stops";
  }
  EXPECT_GT(made, 0);
  EXPECT_GT(not_made, 10);
}

TEST(DefaultDomainTest, AProcessAttachesToItByItselfWhenItMeetsOneOfItsMutexes) {
  const default_for_test path;
  shared<room> place;
  child maker([&] {
    new (place->bytes) heirlock::mutex;
    place->lock().lock();
    return pause();
  });
  ASSERT_TRUE(maker.sleeps_in(SYS_pause));
  child stranger([&] { return place->lock().try_acquire().status() == status::busy ? 0 : 1; });
  EXPECT_EQ(stranger.ended(), 0);
  maker.kill_now();
  child heir([&] { return place->lock().acquire().needs_repair() ? 0 : 1; });
  EXPECT_EQ(heir.ended(), 0);
}

struct kinds {
  room plain;
  alignas(16) unsigned char recursive[sizeof(recursive_mutex)];
  heirlock_mutex_t c[2];
};

// Each way to lock with a deadline, on mutexes of a default domain that the process is not attached to yet. 0: all timed out.
int ways_that_miss_their_deadline(kinds& all) {
  auto& recursive = *reinterpret_cast<recursive_mutex*>(all.recursive);
  timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  int missed = 0;
  if (all.plain.lock().acquire_for(1ms).status() != status::timed_out) missed |= 1;
  if (recursive.acquire_for(1ms).status() != status::timed_out) missed |= 2;
  for (int i = 0; i < 2; ++i)
    if (heirlock_mutex_timedlock(&all.c[i], &soon) != ETIMEDOUT) missed |= 4 << i;
  return missed;
}

void make_all(kinds& all) {
  new (all.plain.bytes) heirlock::mutex;
  new (all.recursive) recursive_mutex;
  heirlock_mutexattr_t attributes;
  ASSERT_EQ(heirlock_mutexattr_init(&attributes), 0);
  ASSERT_EQ(heirlock_mutex_init(&all.c[0], &attributes), 0);
  ASSERT_EQ(heirlock_mutexattr_settype(&attributes, HEIRLOCK_MUTEX_RECURSIVE), 0);
  ASSERT_EQ(heirlock_mutex_init(&all.c[1], &attributes), 0);
}

TEST(DefaultDomainTest, ADeadlineIsKeptAtFirstUseWhileAnotherThreadIsStoppedInAClaim) {
  const default_for_test path;
  const own_domain other = nameless();
  shared<kinds> all;
  child maker([&] {
    make_all(*all);
    return 0;
  });
  ASSERT_EQ(maker.ended(), 0);
  shared<std::atomic<int>> go, result(-1), later(-1);
  stepped claimer([&] {
    std::thread([&] {
      while (*go == 0)
        usleep(100);
      *result = ways_that_miss_their_deadline(*all);
      while (*go == 1)
        usleep(100);
      *later = all->plain.lock().acquire_for(patience()) ? 0 : 1;
    }).detach();
    other.attach_thread();
    return pause();
  });
  ASSERT_EQ(claimer.run_to_call({SYS_madvise}), SYS_madvise);
  *go = 1;
  EXPECT_TRUE(eventually([&] { return *result != -1; })) << "it waits on, after its deadline";
  EXPECT_EQ(*result, 0);
  claimer.go();
  *go = 2;
  EXPECT_TRUE(eventually([&] { return *later != -1; }));
  EXPECT_EQ(*later, 0);
}

// After a reboot the first one to attach needs the claim lock as well.
TEST(DefaultDomainTest, ADeadlineIsKeptAtFirstUseAfterARebootWhileAnotherHasTheClaimLock) {
  const default_for_test path;
  shared<kinds> all;
  child maker([&] {
    make_all(*all);
    domain::of_user().native_handle()->header.load()->boot_id[0] = 'x';
    return 0;
  });
  ASSERT_EQ(maker.ended(), 0);
  const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(file, 0);
  ASSERT_EQ(sys::lock_byte(file, core::claim_lock_byte), 0);
  child timed([&] { return ways_that_miss_their_deadline(*all); });
  EXPECT_EQ(timed.ended(), 0);
  child patient([&] { return all->plain.lock().acquire() ? 0 : 1; });
  ASSERT_TRUE(patient.sleeps_in(SYS_fcntl)) << "it does not wait";
  sys::unlock_byte(file, core::claim_lock_byte); // of which the children have copies
  close(file);
  EXPECT_EQ(patient.ended(), 0);
}

TEST(DefaultDomainTest, AMutexOfAnotherDomainMakesNoDefaultOne) {
  const default_for_test path;
  own_domain other = nameless();
  shared<heirlock::mutex> lock(other);
  other.close();
  EXPECT_EQ(lock->acquire().status(), status::wrong_domain);
  EXPECT_FALSE(path.exists());
}

// The handle's place is taken by another domain: which must not become the default.
TEST(DefaultDomainTest, OnceClosedIsFoundAgainAndNotMistakenForItsSuccessor) {
  const default_for_test path;
  heirlock_mutex_t lock;
  ASSERT_EQ(heirlock_mutex_init(&lock, nullptr), 0);
  domain first = domain::of_user();
  const std::uint32_t id = first.inspect().id;
  ASSERT_EQ(lock.domain_id_, id);
  first.close();
  const own_domain successor = nameless();
  ASSERT_EQ(successor.native_handle(), first.native_handle()) << "the test wants the same place";
  ASSERT_EQ(heirlock_mutex_init(&lock, nullptr), 0);
  EXPECT_EQ(lock.domain_id_, id);
  domain::of_user().close();
}

TEST(DefaultDomainTest, OneDomainAtTwoAddressesIsOne) {
  const default_for_test path;
  shared<room> place;
  struct addresses {
    std::atomic<void*> of[2];
  };
  shared<addresses> seen;
  const auto attach = [&](int index) {
    const domain where = domain::of_user();
    seen->of[index] = where.native_handle()->header.load();
    return where;
  };
  child owner([&] {
    new (place->bytes) heirlock::mutex(attach(0));
    place->lock().lock();
    return pause();
  });
  ASSERT_TRUE(owner.sleeps_in(SYS_pause));
  child waiter([&] {
    // Where the domain lies in the owner there is no room here.
    if (mmap(seen->of[0], 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
             0) == MAP_FAILED)
      return 2;
    attach(1);
    return place->lock().acquire().needs_repair() ? 0 : 1;
  });
  ASSERT_TRUE(waiter.falls_asleep());
  EXPECT_NE(seen->of[0].load(), seen->of[1].load()) << "the test wants two addresses";
  owner.kill_now();
  EXPECT_EQ(waiter.ended(), 0);
}

} // namespace
} // namespace heirlock::test
