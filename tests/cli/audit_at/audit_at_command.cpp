// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/audit_at/audit_at_command.hpp"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>

namespace heirlock::cli::test {
namespace {

constexpr std::chrono::seconds bound{30};

bool comes_true(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    const timespec pause = {0, 1'000'000};
    nanosleep(&pause, nullptr);
  }
  return true;
}

} // namespace

bool appears(const std::filesystem::path& path) {
  return comes_true([&] { return std::filesystem::exists(path); });
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

audit_at::audit_at() {
  // Orphans become children of this process, so that it sees them.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::string name = std::filesystem::temp_directory_path() / "heirlock-audit-at-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
  directory_ = name;
}

audit_at::~audit_at() {
  EXPECT_TRUE(nobody_is_left()) << "a process outlived the audit";
  std::filesystem::remove_all(directory_);
}

bool audit_at::nobody_is_left() {
  const bool none = comes_true([] {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    return waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
  });
  if (none) return true;
  // Ends them all the same: by pid, as the kernel lists this process's children.
  std::ifstream children("/proc/self/task/" + std::to_string(getpid()) + "/children");
  for (pid_t pid = 0; children >> pid;) {
    ADD_FAILURE() << "left behind: " << pid << ' '
                  << text_of("/proc/" + std::to_string(pid) + "/cmdline");
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  return false;
}

pid_t audit_at::start(const words& command, const std::string& out_name,
                      const std::string& err_name) const {
  std::vector<char*> pointers;
  for (const std::string& word : command)
    pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  const std::string out = directory_ / out_name;
  const std::string err = directory_ / err_name;
  const pid_t pid = fork();
  if (pid != 0) return pid;
  dup2(open(out.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDOUT_FILENO);
  dup2(open(err.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), STDERR_FILENO);
  execv(pointers[0], pointers.data());
  _exit(127);
}

outcome audit_at::finish(pid_t pid, const std::string& out_name,
                         const std::string& err_name) const {
  outcome result;
  int raw = 0;
  while (waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(raw)) result.status = WEXITSTATUS(raw);
  result.out = text_of(directory_ / out_name);
  result.err = text_of(directory_ / err_name);
  return result;
}

outcome audit_at::heirlock(const words& command) const {
  words all = {HEIRLOCK_PROGRAM, "audit"};
  all.insert(all.end(), command.begin(), command.end());
  return finish(start(all, "out", "err"), "out", "err");
}

outcome audit_at::shell(const std::string& line) const {
  return finish(start({"/bin/sh", "-c", line}, "out", "err"), "out", "err");
}

std::string audit_at::check(const std::string& how) const {
  return std::string("'") + LEDGER_PROGRAM + "' '" + file().string() + "' " + how;
}

outcome audit_at::audit(words options, const std::string& what) const {
  options.insert(options.begin(), {"--json", "--at"});
  options.insert(options.end(), {"--", LEDGER_PROGRAM, file(), what});
  return heirlock(options);
}

} // namespace heirlock::cli::test
