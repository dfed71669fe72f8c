// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/children.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>

#include "lab/process/interrupt.hpp"
#include "lab/process/permitted_calls.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab::bench {
namespace {

constexpr std::chrono::seconds patience{60};
constexpr useconds_t nap_us = 50;

void wait_for_end(pid_t child, int& status) {
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) throw_errno("waiting for a process of a measurement");
}

bool has_ended(pid_t child) {
  siginfo_t info = {};
  return waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == child;
}

} // namespace

children::~children() {
  for (const pid_t child : running_) {
    kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
}

pid_t children::start(const std::function<void()>& work) {
  require_control_of_children();
  const pid_t parent = getpid();
  running_.reserve(running_.size() + 1); // what is started is also remembered
  const pid_t child = fork();
  if (child < 0) throw_errno("starting a process of a measurement");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    try {
      work();
    } catch (const std::exception& failure) {
      fmt::print(stderr, "heirlock: a process of a measurement: {}\n", failure.what());
      _exit(1);
    }
    _exit(0);
  }
  running_.push_back(child);
  return child;
}

void children::kill_now(pid_t child) {
  kill(child, SIGKILL);
}

void children::reap(pid_t child, bool was_killed) {
  int status = 0;
  wait_for_end(child, status);
  std::erase(running_, child);
  if (!was_killed && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
    check_interrupt();
    throw trouble(
        "a process of a measurement did not end as it should: an operation of a lock failed");
  }
}

void children::reap_all() {
  while (!running_.empty())
    reap(running_.back());
}

void children::wait_until(const std::function<bool()>& condition, const char* what) const {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    check_interrupt();
    if (std::chrono::steady_clock::now() > limit || std::ranges::any_of(running_, has_ended))
      throw trouble(fmt::format("waited in vain for {}", what));
    usleep(nap_us);
  }
}

bool is_asleep(pid_t process) {
  FILE* const file = std::fopen(fmt::format("/proc/{}/stat", process).c_str(), "re");
  if (file == nullptr) return false;
  char text[256] = "";
  const std::size_t length = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[length] = '\0';
  // The state follows the name, which may itself hold a parenthesis.
  const char* const name_end = std::strrchr(text, ')');
  return name_end != nullptr && name_end[1] == ' ' && name_end[2] == 'S';
}

} // namespace heirlock::lab::bench
