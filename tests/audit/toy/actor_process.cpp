// SPDX-License-Identifier: Apache-2.0
#include "tests/audit/toy/actor_process.hpp"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

namespace heirlock::lab {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::seconds patience{10};
constexpr int spinning_samples = 200;
constexpr int cannot_enter = 127;

[[noreturn]] void trouble(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct order {
  actor_command command = actor_command::lock;
  void* other_lock = nullptr;
};

int let_child_die_owning(const heirlock_subject& subject, void* lock) {
  const pid_t child = fork();
  if (child < 0) return errno;
  if (child == 0) {
    if ((subject.thread_enter && subject.thread_enter() != 0) || subject.lock(lock) != 0)
      _exit(cannot_enter);
    raise(SIGKILL);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : ECHILD;
}

int perform(actor_command command, const heirlock_subject& subject, void* lock) {
  switch (command) {
  case actor_command::lock:
    return subject.lock(lock);
  case actor_command::trylock:
    return subject.trylock(lock);
  case actor_command::unlock:
    return subject.unlock(lock);
  case actor_command::consistent:
    return subject.consistent(lock);
  case actor_command::destroy:
    return subject.destroy(lock);
  case actor_command::let_child_die_owning:
    return let_child_die_owning(subject, lock);
  }
  return ENOSYS;
}

} // namespace

actor_process::actor_process(const heirlock_subject& subject, void* lock) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) trouble("socketpair");
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) {
    close(ends[0]);
    close(ends[1]);
    trouble("fork");
  }
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(cannot_enter);
    close(ends[0]);
    serve(subject, lock, ends[1]);
  }
  close(ends[1]);
  channel_ = ends[0];
}

actor_process::~actor_process() {
  kill();
  close(channel_);
}

void actor_process::serve(const heirlock_subject& subject, void* lock, int channel) const {
  if (subject.thread_enter && subject.thread_enter() != 0) _exit(cannot_enter);
  order given;
  while (recv(channel, &given, sizeof given, 0) == sizeof given) {
    void* const chosen = given.other_lock != nullptr ? given.other_lock : lock;
    const int outcome = perform(given.command, subject, chosen);
    if (send(channel, &outcome, sizeof outcome, MSG_NOSIGNAL) != sizeof outcome) break;
  }
  _exit(0);
}

void actor_process::begin(actor_command command, void* other_lock) {
  const order given = {command, other_lock};
  if (send(channel_, &given, sizeof given, MSG_NOSIGNAL) != sizeof given)
    trouble("the actor does not take its command");
}

int actor_process::result() {
  pollfd ready{channel_, POLLIN, 0};
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(patience).count();
  if (poll(&ready, 1, static_cast<int>(milliseconds)) != 1)
    throw std::runtime_error("the operation does not return");
  int outcome = 0;
  if (recv(channel_, &outcome, sizeof outcome, 0) != sizeof outcome)
    throw std::runtime_error("the actor died in its operation");
  return outcome;
}

void actor_process::wait_until_it_waits() const {
  const auto deadline = steady_clock::now() + patience;
  const std::string path = "/proc/" + std::to_string(pid_) + "/syscall";
  const std::initializer_list<long> waits{SYS_futex, SYS_futex_waitv, SYS_fcntl};
  for (int spinning = 0; spinning < spinning_samples; sched_yield()) {
    if (steady_clock::now() > deadline)
      throw std::runtime_error("the actor does not begin to wait");
    std::string first;
    std::ifstream(path) >> first;
    if (first == "running") {
      ++spinning;
      continue;
    }
    const long number = first.empty() ? -1 : std::strtol(first.c_str(), nullptr, 10);
    if (std::find(waits.begin(), waits.end(), number) != waits.end()) return;
    if (number == SYS_sched_yield) ++spinning;
  }
}

void actor_process::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

} // namespace heirlock::lab
