// SPDX-License-Identifier: Apache-2.0
#include "lab/process/breakpoint_probe.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "lab/process/permitted_calls.hpp"
#include "lab/process/trouble.hpp"
#include "lab/process/wait_status.hpp"

namespace heirlock::lab {
namespace {

[[gnu::noinline, gnu::noclone]] void watched_place() {
  asm volatile("");
}

// Between fork and its end only async-signal-safe calls are made.
[[noreturn]] void come_by() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setpgid(0, 0); // Ctrl-C is for the parent, which waits for two stops and no more
  sigset_t none_blocked;
  sigemptyset(&none_blocked);
  sigprocmask(SIG_SETMASK, &none_blocked, nullptr);
  // Untraced it would stop for ever.
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
  raise(SIGSTOP);
  watched_place();
  _exit(0);
}

wait_status next_report(pid_t child) {
  int raw = 0;
  pid_t who = 0;
  while ((who = waitpid(child, &raw, __WALL)) < 0 && errno == EINTR) {
  }
  if (who < 0) throw_errno("waiting for the process that tries a breakpoint");
  return wait_status::from_raw(raw);
}

} // namespace

bool breakpoint_stops(const std::function<bool(thread_id, remote_address)>& arm) {
  require_control_of_children();
  const pid_t child = fork();
  if (child < 0) throw_errno("fork");
  if (child == 0) come_by();
  wait_status now = next_report(child);
  bool stopped = false;
  if (now.is_signal(SIGSTOP)) {
    const remote_address place = {reinterpret_cast<std::uint64_t>(&watched_place)};
    if (arm({child}, place) && ptrace(PTRACE_CONT, child, nullptr, nullptr) == 0) {
      now = next_report(child);
      stopped = now.is_signal(SIGTRAP);
    }
  }
  if (!now.is_gone()) {
    ::kill(child, SIGKILL);
    while (!next_report(child).is_gone()) {
    }
  }
  return stopped;
}

} // namespace heirlock::lab
