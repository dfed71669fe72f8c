// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/core/support.hpp"

#include <functional>
#include <initializer_list>
#include <linux/futex.h>
#include <sched.h>
#include <sys/ptrace.h>

namespace heirlock::test {

// A child whose first thread runs under ptrace from the start of its body, so that a test can hold it at a system
// call, or after the very instruction that made a condition on shared memory true. Other threads of it run freely.
// The body begins held. Like any child it ends with the test.
class stepped : public child {
 public:
  explicit stepped(const std::function<int()>& body)
      : child([&body] {
          if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return 124;
          raise(SIGSTOP);
          return body();
        }) {
    constexpr auto options = static_cast<std::uintptr_t>(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
    held_ = stopped();
    if (held_) ptrace(PTRACE_SETOPTIONS, pid(), nullptr, reinterpret_cast<void*>(options));
  }

  // Steps until the condition holds, instruction by instruction. False: it slept or ended before.
  bool step_until(const std::function<bool()>& condition) {
    constexpr long most_steps = 3000000;
    for (long steps = 0; held_ && steps < most_steps; ++steps) {
      if (condition()) return true;
      resume(PTRACE_SINGLESTEP);
    }
    return false;
  }

  // One instruction. False: it ended.
  bool step() {
    if (held_) resume(PTRACE_SINGLESTEP);
    return held_;
  }

  // Runs until it is about to make one of these calls, for which `matches` holds, and holds it there. The number;
  // -1 when it sleeps or ends without, or makes other calls without end.
  using call_info = __ptrace_syscall_info;
  long run_to_call(
      std::initializer_list<long> calls, const std::function<bool(const call_info&)>& matches =
                                             [](const call_info&) { return true; }) {
    const auto limit = std::chrono::steady_clock::now() + patience();
    while (held_ && std::chrono::steady_clock::now() < limit) {
      resume(PTRACE_SYSCALL);
      call_info info{};
      if (!held_ || !look(info) || info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
      for (const long call : calls)
        if (info.entry.nr == static_cast<std::uint64_t>(call) && matches(info)) return call;
    }
    return -1;
  }

  // Runs to the next edge of a system call, entry or return. False: it ended before.
  bool run_to_stop() {
    if (held_) resume(PTRACE_SYSCALL);
    return held_;
  }

  // Held before a call: makes it, and will be held again when it returns, before any further instruction.
  void begin_call() {
    ptrace(PTRACE_SYSCALL, pid(), nullptr, nullptr);
    held_ = false;
  }
  bool call_returns() {
    call_info info{};
    held_ = stopped();
    return held_ && look(info) && info.op == PTRACE_SYSCALL_INFO_EXIT;
  }

  // From here on it is an ordinary child.
  void go() {
    if (held_) ptrace(PTRACE_DETACH, pid(), nullptr, nullptr);
    held_ = false;
  }

 private:
  bool look(call_info& info) const {
    return ptrace(PTRACE_GET_SYSCALL_INFO, pid(), reinterpret_cast<void*>(sizeof info), &info) > 0;
  }
  bool stopped() const {
    int status = 0;
    // A step takes a few microseconds: give way before sleeping.
    for (int i = 0; i < 64; ++i) {
      if (waitpid(pid(), &status, WNOHANG | __WALL) == pid()) return WIFSTOPPED(status);
      sched_yield();
    }
    return eventually([&] { return waitpid(pid(), &status, WNOHANG | __WALL) == pid(); }) &&
           WIFSTOPPED(status);
  }
  void resume(__ptrace_request how) {
    ptrace(how, pid(), nullptr, nullptr);
    held_ = stopped();
  }

  bool held_ = false;
};

// Of a call to futex().
inline bool is_wake(const stepped::call_info& info) {
  return (info.entry.args[1] & FUTEX_CMD_MASK) == FUTEX_WAKE;
}

} // namespace heirlock::test
