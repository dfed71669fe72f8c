// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace heirlock::lab {

// Tells, from the CPU time that a thread is seen to have used at one look after the other, whether it waits actively.
// CPU time alone is no proof. What a hypervisor takes away from the processor counts as the running thread's unless it
// tells the guest, and so does the work of interrupts: a thread that is about to report can thereby use any time at
// once. So no look counts for more than a part of the bound, and one that waits actively is seen using time again and
// again, each time after it could have reported.
class spin_judge {
 public:
  explicit spin_judge(std::chrono::nanoseconds bound) : bound_(bound), most_at_once_(bound / 4) {}

  // After a look at which it had not reported.
  bool spins(std::chrono::nanoseconds cpu_time) {
    counted_ += std::min(cpu_time - last_.value_or(cpu_time), most_at_once_);
    last_ = cpu_time;
    return counted_ > bound_;
  }

 private:
  std::chrono::nanoseconds bound_;
  std::chrono::nanoseconds most_at_once_;
  std::chrono::nanoseconds counted_{0};
  std::optional<std::chrono::nanoseconds> last_;
};

} // namespace heirlock::lab
