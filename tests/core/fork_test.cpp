// SPDX-License-Identifier: Apache-2.0
#include "tests/core/support.hpp"

#include <functional>
#include <thread>

namespace heirlock::test {
namespace {

struct ForkTest : testing::TestWithParam<unlock_mode> {
  own_domain where = nameless(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Modes, ForkTest,
                         testing::Values(unlock_mode::rmw, unlock_mode::asymmetric),
                         [](const auto& mode) {
                           return mode.param == unlock_mode::rmw ? "Rmw" : "Asymmetric";
                         });

TEST_P(ForkTest, AForkedChildOwnsNothing) {
  shared<heirlock::mutex> lock(where);
  lock->lock();
  child forked([&] {
    try {
      lock->unlock();
      return 1;
    } catch (const lock_error& error) {
      if (error.code().value() != EPERM) return 2;
    }
    return lock->try_acquire().status() == status::busy ? 0 : 3;
  });
  EXPECT_EQ(forked.ended(), 0);
  lock->unlock();
  child later([&] { return lock->acquire() ? 0 : 1; });
  EXPECT_EQ(later.ended(), 0);
}

// What a parent with a mutex does, and what its child does, when fork handlers did not run. Both end by SIGKILL.
int fork_without_handlers(heirlock::mutex& parents, heirlock::mutex& childs,
                          const std::function<pid_t()>& make_child) {
  parents.lock();
  const pid_t made = make_child();
  if (made == 0) {
    if (parents.try_acquire().status() != status::busy) _exit(1);
    childs.lock();
    kill(getpid(), SIGKILL);
  }
  int result = -1;
  if (waitpid(made, &result, 0) != made || !WIFSIGNALED(result)) return 1;
  if (!childs.acquire().needs_repair()) return 2;
  kill(getpid(), SIGKILL);
  return 3;
}

TEST_P(ForkTest, AChildMadeWithoutForkHandlersOwnsNothingEither) {
  shared<heirlock::mutex> parents(where), childs(where);
  child parent([&] { return fork_without_handlers(*parents, *childs, [] { return _Fork(); }); });
  EXPECT_EQ(parent.ended(), -1) << "it was to be killed";
  EXPECT_TRUE(parents->acquire_for(patience()).needs_repair());
}

// Its first operation is an unlock, of a mutex that is not the one which it locked last.
TEST_P(ForkTest, AChildMadeWithoutForkHandlersReleasesNothing) {
  shared<heirlock::mutex> first(where), second(where);
  child parent([&] {
    first->lock();
    second->lock();
    const pid_t made = _Fork();
    if (made == 0) {
      try {
        first->unlock();
        _exit(1);
      } catch (const lock_error& error) {
        _exit(error.code().value() == EPERM ? 0 : 2);
      }
    }
    int result = -1;
    if (waitpid(made, &result, 0) != made || result != 0) return 1;
    second->unlock();
    first->unlock(); // throws if it was released
    return 0;
  });
  EXPECT_EQ(parent.ended(), 0);
}

// What the header asks of such a child: after it the child holds nothing in its parent's name.
TEST_P(ForkTest, AChildMadeWithoutForkHandlersThatAttachesFirstOwnsWhatItLocksAndNothingElse) {
  shared<heirlock::mutex> parents(where), free(where);
  child parent([&] {
    parents->lock();
    const pid_t made = _Fork();
    if (made == 0) {
      where.attach_thread();
      try {
        parents->unlock();
        _exit(1);
      } catch (const lock_error& error) {
        if (error.code().value() != EPERM) _exit(2);
      }
      free->lock();
      _exit(0); // with it: a death
    }
    int result = -1;
    if (waitpid(made, &result, 0) != made || result != 0) return 1;
    if (!free->acquire_for(patience()).needs_repair()) return 2;
    parents->unlock(); // throws if it was released
    return 0;
  });
  EXPECT_EQ(parent.ended(), 0);
}

TEST_P(ForkTest, TheThreadThatForkedOwnsNothingThoughAnotherOfTheChildWasFirstToNotice) {
  shared<heirlock::mutex> parents(where), besides(where), childs(where);
  child parent([&] {
    parents->lock();
    besides->lock();
    const pid_t made = _Fork();
    if (made == 0) {
      std::thread([&] { where.attach_thread(); }).join();
      where.attach_thread();
      for (heirlock::mutex* lock : {&*parents, &*besides}) {
        try {
          lock->unlock();
          _exit(1);
        } catch (const lock_error& error) {
          if (error.code().value() != EPERM) _exit(2);
        }
        if (lock->try_acquire().status() != status::busy) _exit(3);
      }
      childs->lock();
      _exit(0); // with it: a death
    }
    int result = -1;
    if (waitpid(made, &result, 0) != made || result != 0) return 1;
    if (!childs->acquire_for(patience()).needs_repair()) return 2;
    besides->unlock();
    parents->unlock();
    return 0;
  });
  EXPECT_EQ(parent.ended(), 0);
}

// libc does not know of a raw clone: it locks the child's bells with the parent's TID, which the kernel does not
// recognise at the child's death, and the child's copy of the robust list links the parent's bells. The child's
// death is the backstop's to find; the parent's list must be whole.
TEST_P(ForkTest, ARawCloneDoesNotSpoilItsParentsListAndIsFoundDeadByTheBackstop) {
  const own_domain watched = nameless(GetParam(), 8, 20ms);
  shared<heirlock::mutex> parents(watched), childs(watched);
  child parent([&] {
    return fork_without_handlers(*parents, *childs, [] {
      return static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
    });
  });
  EXPECT_EQ(parent.ended(), -1) << "it was to be killed";
  EXPECT_EQ(watched.inspect().rescued_deaths, 1u) << "the child";
  EXPECT_TRUE(parents->acquire_for(patience()).needs_repair());
  EXPECT_EQ(watched.inspect().rescued_deaths, 1u) << "the kernel marked the parent";
}

} // namespace
} // namespace heirlock::test
