// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel/wake_rule_probe.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "lab/process/thread_state.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab::kernel {
namespace {

struct probed_lock {
  robust_list node;
  std::uint32_t word;
};

long wake(std::uint32_t* word, int how_many) {
  return syscall(SYS_futex, word, FUTEX_WAKE, how_many, nullptr, nullptr, 0);
}

} // namespace

wake_rule probe_wake_rule() {
  // Owned by a living thread (this one), FUTEX_WAITERS clear.
  probed_lock lock = {{}, static_cast<std::uint32_t>(gettid())};
  std::atomic<pid_t> sleeper_id = 0;
  std::thread sleeper([&] {
    sleeper_id = gettid();
    // The value does not change, so a return without a wake (a signal) is not mistaken for one.
    while (syscall(SYS_futex, &lock.word, FUTEX_WAIT, lock.word, nullptr, nullptr, 0) != 0) {
    }
  });
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (sleeper_id == 0 || !is_asleep({sleeper_id})) {
    if (std::chrono::steady_clock::now() > deadline) {
      sleeper.detach();
      throw trouble("the kernel's wake rule cannot be found out: a thread does not come to sleep");
    }
    sched_yield();
  }
  std::thread([&] {
    static thread_local robust_list_head head;
    head = {{&head.list}, offsetof(probed_lock, word) - offsetof(probed_lock, node), &lock.node};
    syscall(SYS_set_robust_list, &head, sizeof head);
  }).join(); // the kernel walks the list before it lets the thread be joined
  const bool still_asleep = wake(&lock.word, 1) == 1;
  sleeper.join();
  return still_asleep ? wake_rule::ownerless : wake_rule::ownerless_or_bare;
}

wake_rule wake_rule_of_this_kernel() {
  static const wake_rule found = probe_wake_rule();
  return found;
}

} // namespace heirlock::lab::kernel
