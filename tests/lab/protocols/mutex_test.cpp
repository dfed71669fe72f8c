// SPDX-License-Identifier: Apache-2.0
// The mutex around each protocol, as any user's: what its calls return to the owner, to others, to those who wait, and
// to the heirs of an owner that died. Nobody is traced here, and the kernel is the running one.
//
// All calls are made in children, for entering a subject exchanges the robust list of the thread.
#include <gtest/gtest.h>

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

#include "lab/process/thread_state.hpp"
#include "lab/subjects/shipped.hpp"
#include "lab/subjects/subject.h"
#include "tests/core/support.hpp"

namespace heirlock::lab {
namespace {

using namespace std::chrono_literals;
using test::child;
using test::eventually;
using test::shared;

// What is shared between the children of one test.
struct board {
  alignas(64) std::array<std::byte, HEIRLOCK_SUBJECT_MAX_SIZE> lock;
  std::atomic<bool> go;
  std::array<std::atomic<int>, 32> results;
  std::atomic<unsigned> count;
};

timespec from_now(std::chrono::milliseconds time) {
  timespec t = {};
  clock_gettime(CLOCK_REALTIME, &t);
  const auto nanoseconds = std::chrono::nanoseconds(time).count() + t.tv_nsec;
  return {t.tv_sec + nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
}

// The lock of a subject, as the calling thread sees it.
class user {
 public:
  user(const heirlock_subject& subject, board& shared) : subject_(subject), board_(shared) {
    if (subject_.thread_enter != nullptr && subject_.thread_enter() != 0)
      throw std::runtime_error("thread_enter failed");
  }
  int init() { return subject_.init(&board_.lock); }
  int lock() { return subject_.lock(&board_.lock); }
  int trylock() { return subject_.trylock(&board_.lock); }
  int timedlock(timespec deadline) { return subject_.timedlock(&board_.lock, &deadline); }
  int unlock() { return subject_.unlock(&board_.lock); }
  int consistent() { return subject_.consistent(&board_.lock); }
  int destroy() { return subject_.destroy(&board_.lock); }
  pid_t owner() { return subject_.owner(&board_.lock); }

  void note(int result) { board_.results.at(board_.count++) = result; }
  void wait_for_go() {
    while (!board_.go)
      usleep(200);
  }

 private:
  const heirlock_subject& subject_;
  board& board_;
};

const heirlock_subject& subject_named(const std::string& name) {
  const auto library = shipped_subject_library(name).value();
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error(dlerror());
  return *reinterpret_cast<const heirlock_subject* (*)()>(dlsym(handle, "heirlock_subject"))();
}

class ProtocolMutex : public testing::TestWithParam<std::string> {
 protected:
  // A child that does this with the lock.
  auto somebody(std::function<void(user&)> does) {
    return std::make_unique<child>([this, does = std::move(does)] {
      user u(subject_, *board_);
      does(u);
      return 0;
    });
  }
  // ... and has done it.
  void let(std::function<void(user&)> act) { ASSERT_EQ(somebody(std::move(act))->ended(), 0); }
  void make_lock() {
    let([](user& u) { u.note(u.init()); });
    ASSERT_EQ(noted(), std::vector<int>{0});
  }
  // A child that has the lock, and keeps it until it is killed or told to go.
  auto owner(bool unlocks = true) {
    auto holder = somebody([unlocks](user& u) {
      u.note(u.lock());
      u.wait_for_go();
      if (unlocks) u.note(u.unlock());
    });
    EXPECT_TRUE(eventually([&] { return board_->count > 0; }));
    EXPECT_EQ(noted(), std::vector<int>{0});
    return holder;
  }
  void dies_owning() {
    make_lock();
    owner()->kill_now();
  }
  // Asleep in the call that `does` makes.
  auto sleeper(std::function<void(user&)> does) {
    auto one = somebody(std::move(does));
    EXPECT_TRUE(eventually([&] { return is_asleep({one->pid()}) && one->sleeps_in(SYS_futex); }));
    return one;
  }
  // What has been noted since the last time.
  std::vector<int> noted() {
    std::vector<int> results(board_->results.begin(), board_->results.begin() + board_->count);
    board_->count = 0;
    return results;
  }

  const heirlock_subject& subject_ = subject_named(GetParam());
  shared<board> board_;
};

using results = std::vector<int>;
constexpr timespec long_ago = {1, 0};

TEST_P(ProtocolMutex, KnowsItsOwner) {
  make_lock();
  let([](user& u) {
    u.note(u.lock());
    u.note(u.owner() == getpid());
    for (const int refused :
         {u.lock(), u.trylock(), u.timedlock(long_ago), u.consistent(), u.destroy()})
      u.note(refused);
    u.note(u.unlock());
    u.note(u.owner());
    u.note(u.unlock());
    u.note(u.destroy());
  });
  EXPECT_EQ(noted(), (results{0, 1, EDEADLK, EBUSY, EDEADLK, EINVAL, EBUSY, 0, 0, EPERM, 0}));
}

TEST_P(ProtocolMutex, RefusesOthersWhileItIsHeld) {
  make_lock();
  const auto holder = owner();
  let([](user& u) {
    for (const int refused :
         {u.trylock(), u.timedlock(long_ago), u.timedlock({from_now(9s).tv_sec, 1'000'000'000}),
          u.unlock(), u.consistent(), u.destroy()})
      u.note(refused);
  });
  EXPECT_EQ(noted(), (results{EBUSY, ETIMEDOUT, EINVAL, EPERM, EINVAL, EBUSY}));
  board_->go = true;
  EXPECT_EQ(holder->ended(), 0);
  let([](user& u) { u.note(u.timedlock(long_ago)); }); // free: the deadline is not looked at
  EXPECT_EQ(noted(), (results{0, 0}));
}

TEST_P(ProtocolMutex, ServesThoseWhoSleepOneAfterTheOther) {
  make_lock();
  const auto holder = owner();
  const auto first = sleeper([](user& u) { u.note(u.lock()), u.note(u.unlock()); });
  const auto second =
      sleeper([](user& u) { u.note(u.timedlock(from_now(10min))), u.note(u.unlock()); });
  board_->go = true;
  for (child* each : {holder.get(), first.get(), second.get()})
    EXPECT_EQ(each->ended(), 0);
  EXPECT_EQ(noted(), (results{0, 0, 0, 0, 0}));
}

TEST_P(ProtocolMutex, ATimedWaitEndsAtItsDeadlineAndLeavesTheLockAsItWas) {
  make_lock();
  const auto holder = owner();
  const auto patient = sleeper([](user& u) { u.note(u.lock()), u.note(u.unlock()); });
  let([](user& u) { u.note(u.timedlock(from_now(20ms))); });
  EXPECT_EQ(noted(), results{ETIMEDOUT});
  board_->go = true;
  EXPECT_EQ(holder->ended(), 0);
  EXPECT_EQ(patient->ended(), 0) << "the one who gave up has taken the other's wake along";
  EXPECT_EQ(noted(), (results{0, 0, 0}));
}

using acquiring = int (*)(user&);
constexpr acquiring acquirers[] = {
    [](user& u) { return u.lock(); },
    [](user& u) { return u.trylock(); },
    [](user& u) { return u.timedlock(from_now(10min)); },
};

TEST_P(ProtocolMutex, TellsTheNextOwnerOfADeathOnceWhicheverCallItMakes) {
  for (const acquiring acquire : acquirers) {
    dies_owning();
    let([acquire](user& u) {
      u.note(acquire(u));
      u.note(u.consistent());
      u.note(u.consistent());
      u.note(u.unlock());
    });
    EXPECT_EQ(noted(), (results{EOWNERDEAD, 0, EINVAL, 0}));
    let([acquire](user& u) { u.note(acquire(u)), u.note(u.unlock()); });
    EXPECT_EQ(noted(), (results{0, 0}));
  }
}

TEST_P(ProtocolMutex, TellsAgainWhenTheHeirDiesBeforeItHasRepaired) {
  dies_owning();
  auto heir = somebody([](user& u) {
    u.note(u.lock());
    raise(SIGKILL);
  });
  EXPECT_EQ(heir->ended(), -1);
  let([](user& u) { u.note(u.lock()), u.note(u.consistent()), u.note(u.unlock()); });
  EXPECT_EQ(noted(), (results{EOWNERDEAD, EOWNERDEAD, 0, 0}));
}

TEST_P(ProtocolMutex, WakesASleeperAsTheHeirAndAfterItTheOther) {
  make_lock();
  const auto holder = owner();
  const auto heir_or_not = [](user& u) {
    const int result = u.lock();
    u.note(result);
    if (result == EOWNERDEAD) u.note(u.consistent());
    u.note(u.unlock());
  };
  const auto first = sleeper(heir_or_not);
  const auto second = sleeper(heir_or_not);
  holder->kill_now();
  EXPECT_EQ(first->ended(), 0);
  EXPECT_EQ(second->ended(), 0);
  EXPECT_EQ(noted(), (results{EOWNERDEAD, 0, 0, 0, 0}));
}

TEST_P(ProtocolMutex, TellsOfTheEndOfAThreadThatHoldsIt) {
  make_lock();
  let([&](user&) {
    std::thread([&] {
      user u(subject_, *board_);
      u.note(u.lock());
    }).join();
    std::thread([&] {
      user u(subject_, *board_);
      u.note(u.lock()), u.note(u.consistent()), u.note(u.unlock());
    }).join();
  });
  EXPECT_EQ(noted(), (results{0, EOWNERDEAD, 0, 0}));
}

TEST_P(ProtocolMutex, UnlockedWithoutRepairIsNotRecoverableForAnybodyThoseAsleepIncluded) {
  dies_owning();
  auto heir = somebody([](user& u) {
    u.note(u.lock());
    u.wait_for_go();
    u.unlock();
  });
  ASSERT_TRUE(eventually([&] { return board_->count == 1; }));
  const auto first = sleeper([](user& u) { u.note(u.lock()); });
  const auto second = sleeper([](user& u) { u.note(u.timedlock(from_now(10min))); });
  board_->go = true;
  for (child* each : {heir.get(), first.get(), second.get()})
    EXPECT_EQ(each->ended(), 0);
  let([](user& u) {
    for (const acquiring acquire : acquirers)
      u.note(acquire(u));
    u.note(u.unlock()), u.note(u.consistent()), u.note(u.owner());
    u.note(u.destroy()), u.note(u.init()), u.note(u.lock()); // only made anew is it of use
  });
  EXPECT_EQ(noted(), (results{EOWNERDEAD, ENOTRECOVERABLE, ENOTRECOVERABLE, ENOTRECOVERABLE,
                              ENOTRECOVERABLE, ENOTRECOVERABLE, EPERM, EINVAL, 0, 0, 0, 0}));
}

// Those that the running kernel suffices for, to be used if not to be safe.
std::vector<std::string> usable_subjects() {
  std::vector<std::string> names;
  for (const std::string& name : shipped_subjects()) {
    const auto policy = describe_subject(*shipped_subject_library(name)).policy;
    if (policy.empty() || policy == "rseq-rl-cs") names.push_back(name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Subject, ProtocolMutex, testing::ValuesIn(usable_subjects()),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

} // namespace
} // namespace heirlock::lab
