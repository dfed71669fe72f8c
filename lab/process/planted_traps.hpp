// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// Trap instructions in the code of one process, in place of the instructions that stood there: breakpoints for
// machines whose hardware breakpoints stop nobody. They concern every thread of the process. A thread that came upon one
// stands behind it (trap_address) and runs on only when it has been put back; to run on past it, the trap must be taken
// out while no other thread of the process runs.
class planted_traps {
 public:
  // Replaces those that were planted before. A thread of the process must be a stopped tracee.
  void plant(thread_id process, std::span<const remote_address> places);
  void plant_again(thread_id process) const;
  // Puts the instructions back; nothing is done for a process that is gone. Threads may run meanwhile.
  void take_out(thread_id process) const;

  // Also after take_out(): a thread may have come upon it before and not have reported yet.
  bool stood_at(remote_address place) const;

 private:
  struct trap {
    remote_address place;
    std::vector<std::byte> replaced;
  };
  std::vector<trap> traps_;
};

} // namespace heirlock::lab
