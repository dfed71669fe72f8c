// SPDX-License-Identifier: Apache-2.0
#include "lab/race/child.hpp"

#include <cerrno>
#include <csignal>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "lab/process/permitted_calls.hpp"

namespace heirlock::lab::race {
namespace {

constexpr int status_of_exception = 70; // EX_SOFTWARE of sysexits.h

[[noreturn]] void run_as_child(pid_t parent, const std::function<int()>& body) {
  // A parent that died between fork and prctl sends nothing any more: hence the second look.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent)
    ::_exit(status_of_exception);
  try {
    ::_exit(body());
  } catch (...) {
    ::_exit(status_of_exception);
  }
}

} // namespace

bool ending::killed() const {
  return signal == SIGKILL;
}

child::child(const std::function<int()>& body) : pid_(-1) {
  require_control_of_children();
  const pid_t parent = ::getpid();
  // Blocked before the fork: a handler of the caller must never run in the child.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_ = ::fork();
  const int error = errno;
  if (pid_ == 0) run_as_child(parent, body);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid_ < 0) throw std::system_error(error, std::generic_category(), "fork");
}

child::~child() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

ending child::kill_and_reap() {
  ::kill(pid_, SIGKILL);
  const pid_t pid = std::exchange(pid_, -1);
  int status = 0;
  pid_t reaped = 0;
  do {
    reaped = ::waitpid(pid, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  if (reaped < 0) throw std::system_error(errno, std::generic_category(), "waitpid");
  if (WIFSIGNALED(status)) return {WTERMSIG(status), 0};
  return {0, WEXITSTATUS(status)};
}

bool child::ended() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid != 0;
}

} // namespace heirlock::lab::race
