// SPDX-License-Identifier: Apache-2.0
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include <cstddef>

#include "lab/process/registers.hpp"
#include "lab/process/remote_memory.hpp"
#include "lab/process/system_call.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

constexpr std::array instruction = {std::byte{0x0f}, std::byte{0x05}}; // syscall

} // namespace

std::optional<system_call> system_call_at_pc(thread_id thread) {
  const registers now = registers::of(thread);
  std::array<std::byte, instruction.size()> code = {};
  if (!try_read_memory(thread, now.pc(), code) || code != instruction) return std::nullopt;
  system_call call = {now.syscall_number(), {}};
  for (unsigned i = 0; i < call.arguments.size(); ++i)
    call.arguments[i] = now.syscall_argument(i);
  return call;
}

void step_over_system_call(thread_id thread, std::int64_t result) {
  registers now = registers::of(thread);
  user_regs_struct& r = now.raw();
  r.rip += instruction.size();
  r.rcx = r.rip; // as the instruction leaves them
  r.r11 = r.eflags;
  r.rax = static_cast<unsigned long long>(result);
  now.store(thread);
}

void cancel_system_call(thread_id thread) {
  registers now = registers::of(thread);
  now.raw().orig_rax = ~0ULL;
  now.store(thread);
}

void set_system_call_result(thread_id thread, std::int64_t result) {
  registers now = registers::of(thread);
  now.raw().rax = static_cast<unsigned long long>(result);
  now.store(thread);
}

void replace_system_call(thread_id thread, const system_call& by) {
  registers now = registers::of(thread);
  user_regs_struct& r = now.raw();
  r.orig_rax = by.number;
  const auto& [rdi, rsi, rdx, r10, r8, r9] = by.arguments;
  r.rdi = rdi;
  r.rsi = rsi;
  r.rdx = rdx;
  r.r10 = r10;
  r.r8 = r8;
  r.r9 = r9;
  now.store(thread);
}

// clone(flags and signal, stack, parent_tid, child_tid, tls)
std::optional<library_fork> fork_made_by(const system_call& call) {
  if (call.number == SYS_fork) return library_fork{};
  const std::uint64_t flags = call.arguments[0];
  if (call.number != SYS_clone || (flags & CSIGNAL) != SIGCHLD || (flags & CLONE_VM) != 0)
    return std::nullopt;
  return library_fork{flags & ~std::uint64_t{CSIGNAL}, {call.arguments[3]}};
}

} // namespace heirlock::lab
