// SPDX-License-Identifier: Apache-2.0
// System calls that the tracer makes in the kernel's place, so that what a newer kernel would offer can be tried here.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

struct system_call {
  std::uint64_t number = 0;
  std::array<std::uint64_t, 6> arguments = {};
};

// Told of a thread that is about to enter a system call: the result (as the kernel returns it, errors negative), or
// nullopt to leave the call to the kernel. The whole call happens while the thread is stopped: it cannot be killed
// inside, and it cannot sleep.
using system_call_hook = std::function<std::optional<std::int64_t>(thread_id, const system_call&)>;

// While one exists, each system call of the tracees of the thread that made it is shown to the hook first, whether they
// run or are stepped; nobody else sees anything of it. To be made before the tracees. One at a time.
class system_calls_made_here {
 public:
  explicit system_calls_made_here(system_call_hook hook);
  system_calls_made_here(const system_calls_made_here&) = delete;
  system_calls_made_here& operator=(const system_calls_made_here&) = delete;
  ~system_calls_made_here();
};

// For a thread that is stopped where a system call begins; nullopt where one ends.
std::optional<system_call> system_call_entered(thread_id thread);

// For the tracee alone, which asks at each resumption and report.
namespace system_calls {
bool are_made_here();
// The thread stands before an instruction. True: that was a system call, it has been made, and the thread stands behind it.
bool make_at_pc(thread_id thread);
// The thread is stopped where a system call begins or ends.
void make_at_stop(thread_id thread);
} // namespace system_calls

// What differs between architectures; the build picks the file.

// For a thread that stands before an instruction: the system call that it would make there.
std::optional<system_call> system_call_at_pc(thread_id thread);
// Moves the thread past that instruction, as if the kernel had returned `result`.
void step_over_system_call(thread_id thread, std::int64_t result);
// Where a call begins: the kernel will do nothing instead.
void cancel_system_call(thread_id thread);
// Where it ends: what the thread gets.
void set_system_call_result(thread_id thread, std::int64_t result);
// Where a call begins: the kernel makes this one instead. Where it has been made: only the argument registers change.
void replace_system_call(thread_id thread, const system_call& by);

// The fork of a C library, as far as it differs from one without flags.
struct library_fork {
  std::uint64_t flags = 0; // CLONE_*
  remote_address child_tid;
};
// nullopt: the call is none.
std::optional<library_fork> fork_made_by(const system_call& call);

} // namespace heirlock::lab
