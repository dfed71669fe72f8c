// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/race/unprivileged.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace heirlock::lab::race::test {
namespace {

constexpr uid_t nobody = 65534;
constexpr int status_of_exception = 99;

void check(int result, const char* what) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), what);
}

// By the parent's number in /proc/PID/stat; not every kernel has /proc/PID/task/TID/children.
std::vector<pid_t> living_children() {
  std::vector<pid_t> result;
  std::error_code vanished;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", vanished)) {
    std::ifstream file(entry.path() / "stat");
    std::string text;
    std::getline(file, text);
    const std::size_t name_end = text.rfind(')'); // the name may hold anything
    if (name_end == std::string::npos) continue;
    std::istringstream rest(text.substr(name_end + 1));
    char state = 0;
    pid_t parent = 0;
    if (rest >> state >> parent && parent == ::getpid())
      result.push_back(static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10)));
  }
  return result;
}

} // namespace

foster_home::foster_home() {
  check(::prctl(PR_SET_CHILD_SUBREAPER, 1), "PR_SET_CHILD_SUBREAPER");
}
foster_home::~foster_home() {
  // What a failed test leaves must not outlive it. Children of children come up as their parents go.
  while (!empty()) {
    for (const pid_t pid : living_children())
      ::kill(pid, SIGKILL);
    ::waitpid(-1, nullptr, 0);
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

bool foster_home::empty() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

bool foster_home::empties_within(std::chrono::seconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < deadline) {
    if (::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return true;
    ::sched_yield();
  }
  return false;
}

void drop_privileges() {
  if (::geteuid() != 0) return;
  check(::setgroups(0, nullptr), "setgroups");
  check(::setgid(nobody), "setgid");
  check(::setuid(nobody), "setuid");
}

void refuse(const std::vector<int>& system_calls) {
  std::vector<sock_filter> program;
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const int number : system_calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
  check(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), "PR_SET_SECCOMP");
}

outcome in_child(const std::function<int()>& body) {
  std::array<int, 2> ends{};
  check(::pipe2(ends.data(), O_CLOEXEC), "pipe2");
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  check(pid < 0 ? -1 : 0, "fork");
  if (pid == 0) {
    int status = status_of_exception;
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    try {
      status = body();
    } catch (const std::exception& thrown) {
      std::printf("%s\n", thrown.what());
    }
    std::fflush(nullptr);
    ::_exit(status);
  }
  ::close(ends[1]);
  outcome result;
  std::array<char, 4096> part{};
  for (ssize_t count = 0; (count = ::read(ends[0], part.data(), part.size())) > 0;)
    result.output.append(part.data(), static_cast<std::size_t>(count));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

outcome run_program(const std::string& path, const std::vector<std::string>& arguments,
                    const std::function<void()>& setup) {
  return in_child([&] {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    check(fd < 0 ? -1 : 0, path.c_str());
    if (setup) setup();
    std::vector<std::string> words{path};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (auto& word : words)
      argv.push_back(word.data());
    argv.push_back(nullptr);
    ::fexecve(fd, argv.data(), environ);
    throw std::system_error(errno, std::generic_category(), "fexecve");
    return status_of_exception;
  });
}

} // namespace heirlock::lab::race::test
