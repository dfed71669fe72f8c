// SPDX-License-Identifier: Apache-2.0
#include "lab/process/orphans.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>

namespace heirlock::lab {
namespace {

// Empty also where the kernel does not list them (CONFIG_PROC_CHILDREN).
std::vector<pid_t> children() {
  std::vector<pid_t> found;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc/self/task", error), end; !error && at != end;
       at.increment(error)) {
    std::ifstream list(at->path() / "children");
    for (pid_t pid = 0; list >> pid;)
      found.push_back(pid);
  }
  return found;
}

} // namespace

orphan_collector::orphan_collector() : others_(children()) {
  prctl(PR_GET_CHILD_SUBREAPER, &was_subreaper_);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

orphan_collector::~orphan_collector() {
  end_all();
  prctl(PR_SET_CHILD_SUBREAPER, was_subreaper_);
}

void orphan_collector::end_all() const {
  for (;;) {
    auto orphans = children();
    std::erase_if(orphans, [&](pid_t pid) {
      return std::find(others_.begin(), others_.end(), pid) != others_.end();
    });
    if (orphans.empty()) return;
    for (const pid_t pid : orphans) {
      ::kill(pid, SIGKILL);
      // A traced one stops once more on its way out.
      int raw = 0;
      pid_t who = 0;
      while ((who = waitpid(pid, &raw, __WALL)) == pid || (who < 0 && errno == EINTR)) {
        if (who < 0) continue;
        if (WIFEXITED(raw) || WIFSIGNALED(raw)) break;
        ptrace(PTRACE_CONT, pid, nullptr, nullptr);
      }
    }
  }
}

} // namespace heirlock::lab
