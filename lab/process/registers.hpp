// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/user.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

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

// The machine's instruction that traps.
std::span<const std::byte> trap_instruction();

// Arms the thread's own hardware breakpoint, or disarms it (nullopt). It concerns this thread alone, so
// siblings that run the same code are not stopped. False where the machine has none to give, or none that stop
// anybody.
bool set_hardware_breakpoint(thread_id thread, std::optional<remote_address> where);

inline constexpr std::size_t most_hardware_breakpoints = 4;

// The same for several places at once, which replace those that were armed before; none disarms.
bool set_hardware_breakpoints(thread_id thread, std::span<const remote_address> places);

// Whether they stop a thread on this machine: tried once.
bool hardware_breakpoints_work();

// While one exists this machine counts as one whose hardware breakpoints do not work, so that what is done then can
// be tried everywhere.
class no_hardware_breakpoints {
 public:
  no_hardware_breakpoints();
  no_hardware_breakpoints(const no_hardware_breakpoints&) = delete;
  no_hardware_breakpoints& operator=(const no_hardware_breakpoints&) = delete;
  ~no_hardware_breakpoints();
};

// Where a call will be when it has returned. Recursion comes by the same place with another stack.
struct call_frame {
  remote_address return_to;
  remote_address sp_after;

  bool has_returned(const registers& now) const {
    return now.pc() == return_to && now.sp() >= sp_after;
  }
};

// For a thread that stands at the first instruction of a function.
call_frame frame_at_entry(thread_id thread);

} // namespace heirlock::lab
