// SPDX-License-Identifier: Apache-2.0
#include "lab/process/chosen_id.hpp"

#include <fmt/format.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <system_error>

#include "lab/process/remote_memory.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

struct request {
  clone_args arguments = {};
  pid_t wanted = 0;
};
static_assert(sizeof(request) <= fork_with_chosen_id::room_needed);

pid_t reap(pid_t child) {
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return child;
}

// Has the id of a child that is gone given out again.
std::string try_to_choose() {
  const pid_t first = fork();
  if (first < 0) throw_errno("fork");
  if (first == 0) _exit(0);
  request again;
  again.wanted = reap(first);
  again.arguments.exit_signal = SIGCHLD;
  again.arguments.set_tid = reinterpret_cast<std::uintptr_t>(&again.wanted);
  again.arguments.set_tid_size = 1;
  const long second = ::syscall(SYS_clone3, &again.arguments, sizeof again.arguments);
  if (second == 0) _exit(0);
  if (second > 0) reap(static_cast<pid_t>(second));
  // EEXIST: somebody else has got it meanwhile, so it was no matter of permission.
  if (second > 0 || errno == EEXIST) return {};
  if (errno == EPERM)
    return "it has to give a thread the id of a dead one, for which the kernel demands privilege: "
           "run it as root, or "
           "with CAP_CHECKPOINT_RESTORE";
  return fmt::format("it has to give a thread the id of a dead one, and clone3 refuses: {}",
                     std::generic_category().message(errno));
}

} // namespace

const std::string& why_ids_cannot_be_chosen() {
  static const std::string why = try_to_choose();
  return why;
}

fork_with_chosen_id::fork_with_chosen_id(tracee& parent, thread_id wanted, remote_address room)
    : parent_(parent), wanted_(wanted), room_(room),
      reported_before_(parent.reports_system_calls()) {
  parent_.report_system_calls(true);
}

fork_with_chosen_id::~fork_with_chosen_id() {
  parent_.report_system_calls(reported_before_);
}

void fork_with_chosen_id::look() {
  if (replaced_) {
    if (!restored_) restore(parent_.id()); // the call has been made, or refused
    restored_ = true;
    return;
  }
  if (!parent_.status().is<system_call_stop>()) return;
  const auto call = system_call_entered(parent_.id());
  if (!call) return;
  const auto fork = fork_made_by(*call);
  if (!fork) return;
  request changed;
  changed.arguments.flags = fork->flags;
  changed.arguments.child_tid = fork->child_tid.value;
  changed.arguments.exit_signal = SIGCHLD;
  changed.arguments.set_tid = room_.value + offsetof(request, wanted);
  changed.arguments.set_tid_size = 1;
  changed.wanted = wanted_.value;
  write_value(parent_.process(), room_, changed);
  replace_system_call(parent_.id(), {SYS_clone3, {room_.value, sizeof changed.arguments}});
  replaced_ = call;
}

void fork_with_chosen_id::see_child(const tracee& child) const {
  restore(child.id());
}

// A system call leaves its argument registers as they were, and the code around it may rely on that.
void fork_with_chosen_id::restore(thread_id whose) const {
  if (replaced_) replace_system_call(whose, *replaced_);
}

} // namespace heirlock::lab
