// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include <atomic>
#include <cstddef>

#include "lab/process/breakpoint_probe.hpp"
#include "lab/process/registers.hpp"
#include "lab/process/remote_memory.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// DR7 (Intel SDM volume 3, 18.2.4): two bits enable each register; condition and length 0 mean "on
// execution".
constexpr unsigned dr7_bits_per_register = 2;
constexpr unsigned long dr7_local_enable = 1;
constexpr unsigned dr7 = 7;

void* debug_register(unsigned index) {
  return reinterpret_cast<void*>(offsetof(struct user, u_debugreg) + index * sizeof(long));
}

std::atomic<unsigned> hidden = 0; // no_hardware_breakpoints that exist

void* as_argument(unsigned long value) {
  return reinterpret_cast<void*>(value);
}

bool arm_debug_registers(thread_id thread, std::span<const remote_address> places) {
  // An armed register cannot be changed.
  if (ptrace(PTRACE_POKEUSER, thread.value, debug_register(dr7), as_argument(0)) != 0) return false;
  unsigned long control = 0;
  for (unsigned i = 0; i < places.size(); ++i) {
    if (ptrace(PTRACE_POKEUSER, thread.value, debug_register(i), as_argument(places[i].value)) != 0)
      return false;
    control |= dr7_local_enable << (i * dr7_bits_per_register);
  }
  return control == 0 ||
         ptrace(PTRACE_POKEUSER, thread.value, debug_register(dr7), as_argument(control)) == 0;
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
  raw_.orig_rax =
      ~0ULL; // else the kernel would restart an interrupted system call by moving the pc
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

std::span<const std::byte> trap_instruction() {
  static constexpr std::byte int3{0xcc};
  return std::span(&int3, 1);
}

bool set_hardware_breakpoint(thread_id thread, std::optional<remote_address> where) {
  if (!where) return set_hardware_breakpoints(thread, {});
  return set_hardware_breakpoints(thread, std::span(&*where, 1));
}

bool set_hardware_breakpoints(thread_id thread, std::span<const remote_address> places) {
  if (places.size() > most_hardware_breakpoints || !hardware_breakpoints_work()) return false;
  return arm_debug_registers(thread, places);
}

bool hardware_breakpoints_work() {
  static const bool they_do = breakpoint_stops([](thread_id thread, remote_address place) {
    return arm_debug_registers(thread, std::span(&place, 1));
  });
  return they_do && hidden == 0;
}

no_hardware_breakpoints::no_hardware_breakpoints() {
  ++hidden;
}
no_hardware_breakpoints::~no_hardware_breakpoints() {
  --hidden;
}

// The caller has pushed the return address; the return pops it.
call_frame frame_at_entry(thread_id thread) {
  const remote_address sp = registers::of(thread).sp();
  return {{read_value<std::uint64_t>(thread, sp)}, sp + sizeof(std::uint64_t)};
}

} // namespace heirlock::lab
