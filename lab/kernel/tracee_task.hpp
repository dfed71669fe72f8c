// SPDX-License-Identifier: Apache-2.0
// Binds the policies to real threads, stopped by ptrace.
#pragma once

#include <functional>
#include <utility>

#include "lab/kernel/policy.hpp"
#include "lab/kernel/shared_view.hpp"
#include "lab/process/tracer.hpp"

namespace heirlock::lab::kernel {

// The memory of a stopped tracee. Words in shared memory are exchanged atomically through this process's own
// view of them. Words in private memory are read and then written: no other process can reach them, but a
// sibling thread that runs at the same time could; waiters in private memory cannot be woken from here at all.
class tracee_memory final : public task_memory {
 public:
  // `after_wake`: called when somebody may have been woken.
  explicit tracee_memory(thread_id thread, std::function<void()> after_wake = {})
      : thread_(thread), view_(thread), after_wake_(std::move(after_wake)) {}

  std::optional<std::uint32_t> read32(remote_address from) override;
  std::optional<std::uint64_t> read64(remote_address from) override;
  exchange_outcome compare_exchange32(remote_address at, std::uint32_t expected,
                                      std::uint32_t desired) override;
  bool write64(remote_address to, std::uint64_t value) override;
  void wake_one(remote_address word) override;

 private:
  thread_id thread_;
  shared_view view_;
  std::function<void()> after_wake_;
};

// What the policies may know of a stopped thread. `memory` must outlive the result.
task task_of(thread_id thread, task_memory& memory);

// For tracer::kill: does the exit walk under the policy and leaves the kernel an empty list. An empty hook for
// the policy `stock`.
exit_hook exit_hook_of(const policy& rules);
// For the moment before the OOM reaper takes a process's private memory: keeps aside what the policy's reaper would
// spare, until the exit hook of the same thread takes it. Empty for a policy that has no reaper of its own.
std::function<bool(tracee&)> reaping_hook_of(const policy& rules);
// What the policy's exit walk would go by besides. Empty for the policy `stock`.
std::function<exit_state(thread_id)> exit_state_of(const policy& rules);
// For the moment before a signal is delivered.
exit_hook signal_hook_of(const policy& rules);

// While one exists, the tracees of this thread have the system calls of the policy, if it has any.
class system_calls_in_force {
 public:
  explicit system_calls_in_force(const policy& rules);

 private:
  std::optional<system_calls_made_here> made_here_;
};

// For system calls of threads that report them: which of them wait. Empty for a policy that has none wait. A call that is
// made here has been made before, and does not wait.
delay_hook delay_hook_of(const policy& rules);

} // namespace heirlock::lab::kernel
