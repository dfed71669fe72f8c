// SPDX-License-Identifier: Apache-2.0
// The copy of the kernel's walk against the kernel itself, on robust lists of every shape: the copy works on a
// recording of the dying thread's memory, then the kernel does the same death for real, and the bytes must agree.
#include <gtest/gtest.h>

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "lab/kernel/wake_rule_probe.hpp"
#include "lab/process/thread_state.hpp"
#include "tests/lab/kernel/overlay_memory.hpp"

namespace heirlock::lab::kernel {
namespace {

constexpr unsigned locks = 12;
constexpr std::size_t page = 4096;

struct lock_in_list {
  std::uint32_t word;
  std::uint32_t unused;
  robust_list node;
};

// One page per lock, so that single ones can be unmapped or made read-only; then the head's page.
struct layout {
  std::byte* base;
  lock_in_list& lock(unsigned n) const { return *reinterpret_cast<lock_in_list*>(base + n * page); }
  robust_list_head& head() const {
    return *reinterpret_cast<robust_list_head*>(base + locks * page);
  }
  static constexpr std::size_t size = (locks + 1) * page;
};

// What the dying process does before it stops: builds its list from a seed.
[[noreturn]] void build_and_stop(const layout& at, unsigned seed) {
  std::mt19937 random(seed);
  const auto me = static_cast<std::uint32_t>(gettid());
  const std::uint32_t values[] = {0,
                                  me,
                                  me | FUTEX_WAITERS,
                                  me | FUTEX_OWNER_DIED,
                                  me + 1,
                                  (me + 1) | FUTEX_WAITERS,
                                  FUTEX_OWNER_DIED,
                                  FUTEX_OWNER_DIED | FUTEX_WAITERS};
  for (unsigned n = 0; n < locks; ++n)
    at.lock(n).word = values[random() % std::size(values)];
  const auto pointer_to = [&](unsigned n) {
    const std::uint64_t priority_inheritance = random() % 6 == 0;
    return reinterpret_cast<robust_list*>(reinterpret_cast<std::uint64_t>(&at.lock(n).node) |
                                          priority_inheritance);
  };
  robust_list* first = &at.head().list;
  const unsigned listed = random() % locks;
  for (unsigned n = 0; n < listed; ++n) {
    at.lock(n).node.next = first;
    first = pointer_to(n);
  }
  if (listed > 0 && random() % 8 == 0)
    at.lock(0).node.next = pointer_to(random() % listed); // a circle
  at.head().list.next = first;
  at.head().futex_offset = static_cast<long>(offsetof(lock_in_list, word)) -
                           static_cast<long>(offsetof(lock_in_list, node));
  if (random() % 16 == 0) at.head().futex_offset += 2;
  at.head().list_op_pending = random() % 2 == 0 ? pointer_to(random() % locks) : nullptr;
  syscall(SYS_set_robust_list, &at.head(), sizeof(robust_list_head));
  if (random() % 4 == 0) munmap(&at.lock(random() % locks), page);
  if (random() % 4 == 0) mprotect(&at.lock(random() % locks), page, PROT_READ);
  ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
  raise(SIGSTOP);
  _exit(1);
}

class death {
 public:
  death(const layout& at, unsigned seed) : pid_(fork()) {
    if (pid_ == 0) build_and_stop(at, seed);
    int status = 0;
    waitpid(pid_, &status, 0);
    ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL);
    kill(pid_, SIGKILL);
    waitpid(pid_, &status, 0);
    stopped_ = WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXIT;
  }
  ~death() { finish(); }
  death(const death&) = delete;
  death& operator=(const death&) = delete;
  bool stopped() const { return stopped_; }
  thread_id id() const { return {pid_}; }
  void finish() {
    if (pid_ <= 0) return;
    ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
    int status = 0;
    while (waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status))
      ptrace(PTRACE_CONT, pid_, nullptr, nullptr);
    pid_ = -1;
  }

 private:
  pid_t pid_;
  bool stopped_ = false;
};

layout shared_layout() {
  static std::byte* const base = static_cast<std::byte*>(
      mmap(nullptr, layout::size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  std::memset(base, 0, layout::size);
  return {base};
}

using stored_words = std::map<remote_address, std::uint32_t>;

std::vector<std::byte> bytes_of(const layout& at) {
  return {at.base, at.base + layout::size};
}

void apply(const stored_words& words, const layout& at, std::vector<std::byte>& bytes) {
  for (const auto& [where, word] : words)
    std::memcpy(&bytes.at(where.value - reinterpret_cast<std::uint64_t>(at.base)), &word,
                sizeof word);
}

TEST(StockCopy, LeavesTheBytesThatTheRealKernelLeavesOnListsOfEveryShape) {
  unsigned changed = 0;
  for (unsigned seed = 1; seed <= 400; ++seed) {
    const layout at = shared_layout();
    death d(at, seed);
    ASSERT_TRUE(d.stopped());
    const stored_words stored = stores_of(stock_copy(), d.id());
    std::vector<std::byte> expected = bytes_of(at);
    apply(stored, at, expected);
    d.finish();
    ASSERT_EQ(expected, bytes_of(at)) << "seed " << seed;
    changed += !stored.empty();
  }
  EXPECT_GT(changed, 100u) << "the lists were not worth comparing";
}

// The copy with one of its rules changed.
class changed_copy final : public policy {
 public:
  explicit changed_copy(const walk_rules& rules) : rules_(rules) {}
  std::string_view name() const override { return "stock-copy-changed"; }
  std::string_view summary() const override { return {}; }
  void thread_exits(task& dying) const override { walk_robust_list(dying, rules_); }

 private:
  const walk_rules rules_;
};

TEST(StockCopy, IsToldFromTheKernelByTheBytesWhenOneOfItsRulesIsChanged) {
  const auto differences = [](const walk_rules& rules) {
    const changed_copy copy(rules);
    unsigned found = 0;
    for (unsigned seed = 1; seed <= 400; ++seed) {
      const layout at = shared_layout();
      death d(at, seed);
      const stored_words stored = stores_of(copy, d.id());
      std::vector<std::byte> expected = bytes_of(at);
      apply(stored, at, expected);
      d.finish();
      found += expected != bytes_of(at);
    }
    return found;
  };
  EXPECT_EQ(differences({}), 0u);
  EXPECT_GT(differences({.pending = pending_treatment::as_empty}), 0u);
  EXPECT_GT(differences({.pending_first = true}), 0u) << "a fault of the list hides it";
  EXPECT_GT(differences({.pending_survives_faults = true}), 0u);
  EXPECT_GT(differences({.limit = {locks / 2, locks / 2}}), 0u);
  EXPECT_GT(differences({.given_to =
                             [](task_memory&, remote_address) {
                               return std::optional<std::uint32_t>(FUTEX_TID_MASK);
                             }}),
            0u);
}

TEST(StockCopy, InPlaceOfTheKernelStoresTheSameAndLeavesItAnEmptyList) {
  for (unsigned seed = 1; seed <= 400; ++seed) {
    const layout at = shared_layout();
    death d(at, seed);
    ASSERT_TRUE(d.stopped());
    std::vector<std::byte> expected = bytes_of(at);
    apply(stores_of(stock_copy(), d.id()), at, expected);
    tracee_memory memory(d.id());
    task real = task_of(d.id(), memory);
    stock_copy().thread_exits(real);
    ASSERT_TRUE(empty_robust_list(real));
    d.finish();
    // All but the head, which was emptied.
    const auto locks_of = [](const std::vector<std::byte>& all) {
      return std::vector<std::byte>(all.begin(), all.begin() + locks * page);
    };
    ASSERT_EQ(locks_of(expected), locks_of(bytes_of(at))) << "seed " << seed;
    EXPECT_EQ(at.head().list_op_pending, nullptr);
  }
}

// The same question put to the kernel by other means than the probe's: a process that is killed, not a thread that ends.
wake_rule rule_seen_in_a_killed_process() {
  const layout at = shared_layout();
  const auto owned = static_cast<std::uint32_t>(getpid()); // by this process, which lives
  std::atomic_ref word(at.lock(0).word);
  word = owned;
  const auto futex = [&](int operation, std::uint32_t value) {
    return syscall(SYS_futex, &at.lock(0).word, operation, value, nullptr, nullptr, 0);
  };
  std::atomic<pid_t> sleeper_id = 0;
  std::atomic<bool> over = false;
  std::thread sleeper([&] {
    sleeper_id = gettid();
    while (futex(FUTEX_WAIT, owned) != 0 && !over) {
    }
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while ((sleeper_id == 0 || !is_asleep({sleeper_id})) &&
         std::chrono::steady_clock::now() < deadline)
    sched_yield();
  EXPECT_TRUE(is_asleep({sleeper_id}));
  const pid_t dying = fork();
  if (dying == 0) {
    at.head() = {{&at.head().list},
                 static_cast<long>(offsetof(lock_in_list, word)) -
                     static_cast<long>(offsetof(lock_in_list, node)),
                 &at.lock(0).node};
    syscall(SYS_set_robust_list, &at.head(), sizeof(robust_list_head));
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(dying, &status, 0);
  const bool still_asleep = futex(FUTEX_WAKE, 1) == 1;
  over = true;
  word = 0;
  futex(FUTEX_WAKE, 1);
  sleeper.join();
  return still_asleep ? wake_rule::ownerless : wake_rule::ownerless_or_bare;
}

TEST(WakeRuleProbe, AnswersEachTimeWhatAKilledProcessShows) {
  const wake_rule seen = rule_seen_in_a_killed_process();
  for (int asked = 0; asked < 5; ++asked)
    EXPECT_EQ(probe_wake_rule(), seen);
  EXPECT_EQ(wake_rule_of_this_kernel(), seen);
}

} // namespace
} // namespace heirlock::lab::kernel
