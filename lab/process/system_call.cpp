// SPDX-License-Identifier: Apache-2.0
#include "lab/process/system_call.hpp"

#include <sys/ptrace.h>

#include <map>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// ptrace(2) binds a tracee to one thread of the tracer.
thread_local system_call_hook current;
// Of calls that were made here and whose threads have not come to their end yet.
thread_local std::map<thread_id, std::int64_t> results;

} // namespace

std::optional<system_call> system_call_entered(thread_id thread) {
  __ptrace_syscall_info info = {};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, thread.value, reinterpret_cast<void*>(sizeof info), &info) <=
      0)
    throw_errno("PTRACE_GET_SYSCALL_INFO");
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return std::nullopt;
  system_call call = {info.entry.nr, {}};
  for (unsigned i = 0; i < call.arguments.size(); ++i)
    call.arguments[i] = info.entry.args[i];
  return call;
}

system_calls_made_here::system_calls_made_here(system_call_hook hook) {
  current = std::move(hook);
}
system_calls_made_here::~system_calls_made_here() {
  current = {};
  results.clear();
}

bool system_calls::are_made_here() {
  return static_cast<bool>(current);
}

bool system_calls::make_at_pc(thread_id thread) {
  const auto call = system_call_at_pc(thread);
  const auto result = call ? current(thread, *call) : std::nullopt;
  if (result) step_over_system_call(thread, *result);
  return result.has_value();
}

void system_calls::make_at_stop(thread_id thread) {
  if (const auto call = system_call_entered(thread)) {
    results.erase(thread); // of a dead thread with the same id
    if (const auto result = current(thread, *call)) {
      results[thread] = *result;
      cancel_system_call(thread);
    }
  } else if (const auto found = results.find(thread); found != results.end()) {
    set_system_call_result(thread, found->second);
    results.erase(found);
  }
}

} // namespace heirlock::lab
