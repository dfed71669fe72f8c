// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel/tracee_cpu.hpp"

namespace heirlock::lab::kernel {

cpu_state cpu_state_of(const registers& now) {
  const user_regs_struct& r = now.raw();
  cpu_state cpu;
  cpu.arch = architecture::x86;
  cpu.ip = r.rip;
  // In the order of the instruction encoding.
  cpu.general = {r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi,
                 r.r8,  r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15};
  cpu.condition = r.eflags;
  return cpu;
}

} // namespace heirlock::lab::kernel
