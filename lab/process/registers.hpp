// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/user.h>

#include <cstdint>
#include <optional>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// The general-purpose registers of a stopped thread. What differs between architectures is in
// registers_<architecture>.cpp; the build picks the file.
class registers {
 public:
  static registers of(thread_id thread);
  void store(thread_id thread) const;

  remote_address pc() const;
  void set_pc(remote_address to);
  remote_address sp() const;
  std::uint64_t syscall_number() const;
  std::uint64_t syscall_argument(unsigned index) const;

  const user_regs_struct& raw() const { return raw_; }
  user_regs_struct& raw() { return raw_; }

 private:
  user_regs_struct raw_ = {};
};

// The address at which the trap instruction of a marker lies, once its SIGTRAP has been reported.
remote_address trap_address(const registers& at_trap);

// Arms the thread's own hardware breakpoint, or disarms it (nullopt). It concerns this thread alone, so
// siblings that run the same code are not stopped. False where the machine has none to give.
bool set_hardware_breakpoint(thread_id thread, std::optional<remote_address> where);

} // namespace heirlock::lab
