// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include <cstddef>

#include "lab/process/registers.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// DR7 (Intel SDM volume 3, 18.2.4): local enable of DR0; condition and length 0 mean "on execution".
constexpr unsigned long dr7_enable_dr0 = 1;

void* debug_register(unsigned index) {
  return reinterpret_cast<void*>(offsetof(struct user, u_debugreg) + index * sizeof(long));
}

void* as_argument(unsigned long value) {
  return reinterpret_cast<void*>(value);
}

} // namespace

registers registers::of(thread_id thread) {
  registers result;
  iovec area = {&result.raw_, sizeof result.raw_};
  if (ptrace(PTRACE_GETREGSET, thread.value, as_argument(NT_PRSTATUS), &area) != 0)
    throw_errno("PTRACE_GETREGSET");
  return result;
}

void registers::store(thread_id thread) const {
  registers copy = *this;
  iovec area = {&copy.raw_, sizeof copy.raw_};
  if (ptrace(PTRACE_SETREGSET, thread.value, as_argument(NT_PRSTATUS), &area) != 0)
    throw_errno("PTRACE_SETREGSET");
}

remote_address registers::pc() const {
  return {raw_.rip};
}
void registers::set_pc(remote_address to) {
  raw_.rip = to.value;
}
remote_address registers::sp() const {
  return {raw_.rsp};
}
std::uint64_t registers::syscall_number() const {
  return raw_.rax;
}

std::uint64_t registers::syscall_argument(unsigned index) const {
  const unsigned long long arguments[] = {raw_.rdi, raw_.rsi, raw_.rdx, raw_.r10, raw_.r8, raw_.r9};
  return arguments[index];
}

// int3 is one byte long and reported with the pc behind it.
remote_address trap_address(const registers& at_trap) {
  return {at_trap.pc().value - 1};
}

bool set_hardware_breakpoint(thread_id thread, std::optional<remote_address> where) {
  if (!where) return ptrace(PTRACE_POKEUSER, thread.value, debug_register(7), as_argument(0)) == 0;
  return ptrace(PTRACE_POKEUSER, thread.value, debug_register(0), as_argument(where->value)) == 0 &&
         ptrace(PTRACE_POKEUSER, thread.value, debug_register(7), as_argument(dr7_enable_dr0)) == 0;
}

} // namespace heirlock::lab
