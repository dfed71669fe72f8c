// SPDX-License-Identifier: Apache-2.0
// The copy of the kernel's walk against the kernel where one number names two threads: a futex word says which TID owns
// it, not in which PID namespace. Two processes of namespaces of their own, each the first there, use one pthread mutex.
// One holds it and lives; the other waits for it and is killed. The kernel takes the living owner for the dead one:
// this process is told of a death that did not happen, and gets the mutex while its owner is inside.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/thread_state.hpp"
#include "lab/process/trouble.hpp"
#include "tests/lab/kernel/overlay_memory.hpp"

namespace heirlock::lab::kernel {
namespace {

// Children that are forked while it exists are the first ones, then the second ones, ... of a new PID namespace.
class new_pid_namespace {
 public:
  static std::optional<new_pid_namespace> make() {
    new_pid_namespace made;
    if (!made.own_ || unshare(CLONE_NEWPID) != 0) return std::nullopt;
    made.entered_ = true;
    return made;
  }
  new_pid_namespace(new_pid_namespace&& other) noexcept
      : own_(std::move(other.own_)), entered_(std::exchange(other.entered_, false)) {}
  new_pid_namespace& operator=(new_pid_namespace&&) = delete;
  ~new_pid_namespace() {
    if (entered_ && setns(own_.get(), CLONE_NEWPID) != 0)
      ADD_FAILURE() << "cannot go back to the PID namespace: " << strerrordesc_np(errno);
  }

 private:
  new_pid_namespace() : own_(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC)) {}
  file_descriptor own_;
  bool entered_ = false;
};

struct shared_memory {
  pthread_mutex_t mutex;
  std::atomic<bool> owner_is_inside;
  std::atomic<bool> owner_may_leave;
  std::atomic<int> owners_unlock;
};

constexpr std::size_t page = 4096;

// What does nobody good any more: killed and reaped.
class child {
 public:
  explicit child(const std::function<void()>& work) : pid_(fork()) {
    if (pid_ < 0) throw_errno("fork");
    if (pid_ != 0) return;
    work();
    _exit(0);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() { end(); }
  thread_id id() const { return {pid_}; }

  // Killed, and stopped before its robust list is walked.
  bool stops_at_exit() const {
    int status = 0;
    return ptrace(PTRACE_SEIZE, pid_, nullptr, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) == 0 &&
           ::kill(pid_, SIGKILL) == 0 && waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status) &&
           status >> 16 == PTRACE_EVENT_EXIT;
  }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    int status = 0;
    ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
    while (waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status))
      ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

[[noreturn]] void wait_for_the_end() {
  for (;;)
    pause();
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    sched_yield();
  }
  return true;
}

enum class walked_by { kernel, copy };

class PidNamespaceTwins : public testing::TestWithParam<walked_by> {
 protected:
  void SetUp() override {
    if (!new_pid_namespace::make())
      GTEST_SKIP() << "a PID namespace cannot be made here (" << strerrordesc_np(errno)
                   << "): it needs root";
    void* const made =
        mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(made, MAP_FAILED);
    memory_ = new (made) shared_memory();
    pthread_mutexattr_t how;
    pthread_mutexattr_init(&how);
    pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&memory_->mutex, &how);
    pthread_mutexattr_destroy(&how);
  }
  void TearDown() override {
    waiter_.reset();
    bystander_.reset();
    owner_.reset();
    if (memory_ != nullptr) munmap(memory_, page);
  }

  void owner_goes_in() {
    const auto there = new_pid_namespace::make();
    owner_.emplace([this] {
      pthread_mutex_lock(&memory_->mutex);
      memory_->owner_is_inside = true;
      while (!memory_->owner_may_leave)
        sched_yield();
      memory_->owners_unlock = pthread_mutex_unlock(&memory_->mutex);
      memory_->owner_is_inside = false;
      wait_for_the_end();
    });
    ASSERT_TRUE(eventually([this] { return memory_->owner_is_inside.load(); }));
  }
  // The first thread there, as the owner is in its own namespace, or the second.
  void waiter_sleeps(bool is_the_first) {
    const auto there = new_pid_namespace::make();
    if (!is_the_first) bystander_.emplace(wait_for_the_end);
    waiter_.emplace([this] {
      pthread_mutex_lock(&memory_->mutex);
      wait_for_the_end();
    });
    // FUTEX_WAITERS first: it may sleep for another reason before.
    ASSERT_TRUE(
        eventually([this] { return (word() & FUTEX_WAITERS) != 0 && is_asleep(waiter_->id()); }));
  }

  void waiter_dies() {
    ASSERT_TRUE(waiter_->stops_at_exit());
    std::vector<std::byte> expected = bytes();
    for (const auto& [where, value] : stores_of(stock_copy(), waiter_->id()))
      memcpy(&expected.at(where.value - reinterpret_cast<std::uint64_t>(memory_)), &value,
             sizeof value);
    if (GetParam() == walked_by::copy) {
      tracee_memory real(waiter_->id());
      task dying = task_of(waiter_->id(), real);
      stock_copy().thread_exits(dying);
      ASSERT_TRUE(empty_robust_list(dying));
    }
    waiter_->end();
    EXPECT_EQ(expected, bytes());
  }

  std::uint32_t word() const {
    return std::atomic_ref(reinterpret_cast<std::uint32_t&>(memory_->mutex.__data.__lock)).load();
  }
  std::vector<std::byte> bytes() const {
    const auto* const first = reinterpret_cast<const std::byte*>(memory_);
    return {first, first + page};
  }

  shared_memory* memory_ = nullptr;
  std::optional<child> owner_;
  std::optional<child> bystander_;
  std::optional<child> waiter_;
};

TEST_P(PidNamespaceTwins, ADeathIsReportedOfAnOwnerWhoLivesAndIsInside) {
  owner_goes_in();
  waiter_sleeps(true);
  ASSERT_EQ(word(), 1 | FUTEX_WAITERS) << "the first thread of a namespace has the TID 1";
  waiter_dies();
  EXPECT_EQ(word(), FUTEX_OWNER_DIED | FUTEX_WAITERS);
  EXPECT_EQ(pthread_mutex_trylock(&memory_->mutex), EOWNERDEAD) << "false death";
  EXPECT_TRUE(memory_->owner_is_inside) << "two owners";
  // Which of them it is that unlocks, the C library knows no better: the word has the second's TID.
  memory_->owner_may_leave = true;
  ASSERT_TRUE(eventually([this] { return !memory_->owner_is_inside; }));
  EXPECT_EQ(memory_->owners_unlock, EPERM);
}

TEST_P(PidNamespaceTwins, WithAnotherNumberTheDeathOfAWaiterIsNobodysBusiness) {
  owner_goes_in();
  waiter_sleeps(false);
  waiter_dies();
  EXPECT_EQ(word(), 1 | FUTEX_WAITERS);
  EXPECT_EQ(pthread_mutex_trylock(&memory_->mutex), EBUSY);
  memory_->owner_may_leave = true;
  ASSERT_TRUE(eventually([this] { return !memory_->owner_is_inside; }));
  EXPECT_EQ(memory_->owners_unlock, 0);
}

INSTANTIATE_TEST_SUITE_P(Walked, PidNamespaceTwins,
                         testing::Values(walked_by::kernel, walked_by::copy), [](const auto& one) {
                           return one.param == walked_by::kernel ? "ByTheKernel" : "ByTheCopy";
                         });

} // namespace
} // namespace heirlock::lab::kernel
