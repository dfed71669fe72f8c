// SPDX-License-Identifier: Apache-2.0
//
// The locks on a domain's file, in the middle of a claim: children that another thread makes there, descriptors that the
// application closes, and who has to wait for whom.
#include "tests/core/stepped.hpp"

#include "src/core/claim_lock.hpp"
#include "src/core/domain.hpp"

#include <atomic>
#include <fcntl.h>
#include <linux/futex.h>
#include <thread>

namespace heirlock::test {
namespace {

struct ClaimTest : testing::Test {
  own_domain where = nameless(unlock_mode::rmw, 8, 20ms);
  shared<heirlock::mutex> lock{where};
  struct shared_words {
    std::atomic<bool> fork, claimed, use;
    std::atomic<pid_t> copy;
    std::atomic<int> served;
  };
  shared<shared_words> now;
  const pid_t tester = getpid();

  // A child that outlives its parent, but not the test.
  void live_on() const {
    while (kill(tester, 0) == 0)
      usleep(1000);
    _exit(0);
  }
  // In a thread of the process that claims: makes a child without fork handlers when it is told to.
  void make_a_copy(const std::function<void()>& in_the_copy) const {
    std::thread([this, in_the_copy] {
      while (!now->fork)
        usleep(100);
      const pid_t made = _Fork();
      if (made == 0) {
        in_the_copy();
        live_on();
      }
      now->copy = made;
      pause();
    }).detach();
  }
  bool copy_is_made() const {
    now->fork = true;
    return eventually([&] { return now->copy != 0; });
  }
  void TearDown() override {
    if (now->copy > 0) kill(now->copy, SIGKILL);
  }

  // Of the locks that a first claim takes: 1 is the claim lock, 2 the process's own.
  static bool run_to_lock(stepped& claimer, int which) {
    for (int i = 0; i < which; ++i)
      if (claimer.run_to_call({SYS_fcntl}, [](const stepped::call_info& info) {
            return info.entry.args[1] == F_OFD_SETLK;
          }) != SYS_fcntl)
        return false;
    return true;
  }
  bool claim_lock_is_held() const {
    return core::claim_lock(*where.native_handle()).error() == sys::taken;
  }
};

// Before the page is mapped, before it is kept from children, and in the middle of the claim.
struct ClaimLockTest : ClaimTest, testing::WithParamInterface<long> {};
INSTANTIATE_TEST_SUITE_P(At, ClaimLockTest,
                         testing::Values(SYS_mmap, SYS_madvise, SYS_get_robust_list),
                         [](const auto& call) {
                           return call.param == SYS_mmap      ? "Map"
                                  : call.param == SYS_madvise ? "KeepFromChildren"
                                                              : "Claim";
                         });

TEST_P(ClaimLockTest, AChildThatAnotherThreadMadeMeanwhileDoesNotKeepTheClaimLock) {
  stepped claimer([&] {
    make_a_copy([] {});
    where.attach_thread();
    now->claimed = true;
    return pause();
  });
  ASSERT_TRUE(run_to_lock(claimer, 1));
  ASSERT_EQ(claimer.run_to_call({GetParam()}), GetParam());
  ASSERT_TRUE(claim_lock_is_held());
  ASSERT_TRUE(copy_is_made());
  EXPECT_TRUE(claim_lock_is_held()) << "the copy's birth has released it";
  claimer.go();
  ASSERT_TRUE(eventually([&] { return now->claimed.load(); }));
  EXPECT_TRUE(lock->acquire_for(patience())) << "the copy has the claim lock";
}

// The kernel does not release what the copy still has open; and the copy would wait for itself.
TEST_F(ClaimTest, AChildOfOneThatWasKilledInAClaimLetsGoOfTheClaimLockWhenItUsesTheLibrary) {
  stepped claimer([&] {
    make_a_copy([&] {
      while (!now->use)
        usleep(100);
      now->served = lock->acquire_for(patience()).owns() ? 1 : 2;
    });
    where.attach_thread();
    return pause();
  });
  ASSERT_TRUE(run_to_lock(claimer, 1));
  ASSERT_EQ(claimer.run_to_call({SYS_mmap}), SYS_mmap);
  ASSERT_TRUE(copy_is_made());
  claimer.kill_now();
  EXPECT_TRUE(claim_lock_is_held()) << "the test wants a copy that keeps it";
  now->use = true;
  EXPECT_TRUE(eventually([&] { return now->served != 0; }));
  EXPECT_EQ(now->served, 1);
  EXPECT_TRUE(lock->acquire_for(patience()));
}

// The lock that says that the process lives must not be unlocked, and must not live on in a child.
TEST_F(ClaimTest, AChildThatAnotherThreadMadeMeanwhileDoesNotHideADeathOnceItUsesTheLibrary) {
  stepped claimer([&] {
    make_a_copy([&] {
      while (!now->use)
        usleep(100);
      where.attach_thread();
      now->served = 1;
    });
    lock->lock();
    syscall(SYS_set_robust_list, nullptr, sizeof(robust_list_head)); // only the liveness lock tells
    now->claimed = true;
    return pause();
  });
  ASSERT_TRUE(run_to_lock(claimer, 2));
  ASSERT_EQ(claimer.run_to_call({SYS_close}), SYS_close);
  ASSERT_TRUE(copy_is_made());
  claimer.go();
  ASSERT_TRUE(eventually([&] { return now->claimed.load(); }));
  now->use = true;
  ASSERT_TRUE(eventually([&] { return now->served == 1; }));
  EXPECT_EQ(lock->acquire_for(200ms).status(), status::timed_out) << "a false death";
  claimer.kill_now();
  EXPECT_TRUE(lock->acquire_for(patience()).needs_repair());
  EXPECT_EQ(where.inspect().rescued_deaths, 1u);
}

// The number stands for another file then, which the claim neither locks nor maps nor closes.
TEST_P(ClaimLockTest, ADescriptorThatTheApplicationClosesMeanwhileIsNotMissed) {
  stepped claimer([&] {
    const int other = heirlock_domain_memfd(nullptr);
    if (ftruncate(other, 4096) != 0) return 1;
    std::thread([&, other] {
      while (!now->fork)
        usleep(100);
      now->copy = -dup2(other, where.native_handle()->claim_descriptor); // closes it first
      pause();
    }).detach();
    where.attach_thread();
    now->served = fcntl(-now->copy, F_GETFD) >= 0 ? 1 : 2;
    return pause();
  });
  ASSERT_TRUE(run_to_lock(claimer, 1));
  ASSERT_EQ(claimer.run_to_call({GetParam()}), GetParam());
  ASSERT_TRUE(copy_is_made());
  ASSERT_LT(now->copy, 0) << "there was no descriptor to close";
  const bool locked = GetParam() != SYS_mmap;
  EXPECT_EQ(claim_lock_is_held(), locked) << "what holds it is the mapping";
  if (!locked) {
    ASSERT_EQ(claimer.run_to_call({SYS_gettid}), SYS_gettid) << "it does not claim";
    EXPECT_TRUE(claim_lock_is_held()) << "it claims without the claim lock";
  }
  claimer.go();
  ASSERT_TRUE(eventually([&] { return now->served != 0; }));
  EXPECT_EQ(now->served, 1) << "a descriptor of the application was closed";
  EXPECT_FALSE(claim_lock_is_held());
  EXPECT_TRUE(lock->acquire_for(patience()));
}

// Somebody else may have the claim lock of one domain for ever.
TEST_F(ClaimTest, AClaimThatHasToWaitHoldsUpNeitherForksNorClaimsInOtherDomains) {
  const own_domain elsewhere = nameless(unlock_mode::rmw, 8);
  auto held = std::make_unique<core::claim_lock>(*where.native_handle());
  ASSERT_EQ(held->error(), 0);
  child user([&] {
    std::thread([&] {
      while (!now->fork)
        usleep(100);
      elsewhere.attach_thread();
      domain::open(domain_options::of_descriptor(heirlock_domain_memfd(nullptr)));
      const pid_t made = fork();
      if (made == 0) _exit(0);
      int result = -1;
      if (waitpid(made, &result, 0) == made && result == 0) now->served = 1;
      pause();
    }).detach();
    where.attach_thread();
    now->claimed = true;
    return pause();
  });
  ASSERT_TRUE(user.sleeps_in(SYS_fcntl)) << "it does not wait";
  now->fork = true;
  EXPECT_TRUE(eventually([&] { return now->served == 1; }));
  EXPECT_FALSE(now->claimed);
  held.reset();
  EXPECT_TRUE(eventually([&] { return now->claimed.load(); }));
}

} // namespace
} // namespace heirlock::test
