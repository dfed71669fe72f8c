// SPDX-License-Identifier: Apache-2.0
#include "lab/process/command.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "lab/process/permitted_calls.hpp"
#include "lab/process/trouble.hpp"
#include "lab/process/wait_status.hpp"

namespace heirlock::lab {
namespace {

constexpr std::size_t longest_output = 4096;

bool sets(const char* assignment, const std::string& name) {
  const std::string_view text(assignment);
  return text.size() > name.size() && text.starts_with(name) && text[name.size()] == '=';
}

std::vector<std::string> merged(const shell_command::environment& added) {
  std::vector<std::string> result;
  for (char** at = environ; *at != nullptr; ++at)
    if (std::none_of(added.begin(), added.end(),
                     [&](const auto& variable) { return sets(*at, variable.first); }))
      result.emplace_back(*at);
  for (const auto& [name, value] : added)
    result.emplace_back(name).append("=").append(value);
  return result;
}

} // namespace

shell_command::shell_command(const std::string& line, const environment& added) {
  require_control_of_children();
  // All memory is allocated before the fork.
  std::vector<std::string> variables = merged(added);
  std::vector<char*> pointers;
  pointers.reserve(variables.size() + 1);
  for (std::string& variable : variables)
    pointers.push_back(variable.data());
  pointers.push_back(nullptr);
  const char* const words[] = {"sh", "-c", line.c_str(), nullptr};

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw_errno("pipe2");
  output_end_ = file_descriptor(ends[0]);
  const file_descriptor input_end(ends[1]);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);

  pid_ = fork();
  if (pid_ < 0) throw_errno("fork");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    const int null = ::open("/dev/null", O_RDONLY);
    if (null >= 0) dup2(null, STDIN_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE})
      signal(number, SIG_DFL);
    execve("/bin/sh", const_cast<char* const*>(words), pointers.data());
    _exit(127);
  }
  setpgid(pid_, pid_); // whoever comes first; afterwards the group exists for sure
}

shell_command::~shell_command() {
  // While its leader is not reaped the number of the group cannot be another's.
  if (!ended_) ::kill(-pid_, SIGKILL);
  while (!ended_ && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void shell_command::take_output() {
  std::array<char, 4096> buffer = {};
  for (;;) {
    const ssize_t length = ::read(output_end_.get(), buffer.data(), buffer.size());
    if (length <= 0) return;
    const std::size_t room = longest_output - std::min(longest_output, output_.size());
    output_.append(buffer.data(), std::min(room, static_cast<std::size_t>(length)));
  }
}

bool shell_command::poll() {
  if (ended_) return true;
  take_output();
  siginfo_t info = {};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0)
    throw_errno("waiting for the check command");
  if (info.si_pid == 0) return false;
  // What it left running in its group would disturb the next run; the zombie still holds the number.
  ::kill(-pid_, SIGKILL);
  while (waitpid(pid_, &raw_status_, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  take_output();
  if (WIFEXITED(raw_status_)) status_ = WEXITSTATUS(raw_status_);
  return true;
}

std::string shell_command::describe_end() const {
  return wait_status::from_raw(raw_status_).describe();
}

} // namespace heirlock::lab
