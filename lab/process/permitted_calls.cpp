// SPDX-License-Identifier: Apache-2.0
#include "lab/process/permitted_calls.hpp"

#include <fmt/format.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

[[noreturn]] void refused(const char* call, const char* for_what) {
  throw trouble(fmt::format(
      "{} is refused ({}), and without it {}. A seccomp filter or security module forbids it: run "
      "outside of it (in a container: docker run --security-opt seccomp=unconfined)",
      call, std::generic_category().message(errno), for_what));
}

} // namespace

void require_control_of_children() {
  if (::kill(getpid(), 0) != 0) refused("kill(2)", "no process that is started could be ended");
  siginfo_t info = {};
  if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno != ECHILD)
    refused("waitid(2)", "nobody would see that a process has ended");
}

void require_robust_lists() {
  robust_list_head* head = nullptr;
  std::size_t length = sizeof(robust_list_head);
  if (syscall(SYS_get_robust_list, 0, &head, &length) != 0)
    refused("get_robust_list(2)", "nobody can tell what the kernel will do when a thread dies");
  // The one that the thread has, so nothing changes.
  if (syscall(SYS_set_robust_list, head, length) != 0)
    refused("set_robust_list(2)", "the kernel is told of no lock that the dead held, so that every "
                                  "robust lock would look broken");
}

} // namespace heirlock::lab
