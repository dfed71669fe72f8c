// SPDX-License-Identifier: Apache-2.0
// Which CPUs a thread may use: processes in two containers with a CPU each are placed like this.
#pragma once

#include <cstddef>
#include <sched.h>
#include <vector>

namespace heirlock::lab::race {

// The CPUs that the calling thread may use; empty when the kernel does not say.
[[nodiscard]] std::vector<int> allowed_cpus();
// Keeps the calling thread on one CPU. A refusal is no error: placement is a matter of odds.
void stay_on(int cpu);

// Gives the calling thread back the CPUs that it had.
class affinity_guard {
 public:
  affinity_guard();
  affinity_guard(const affinity_guard&) = delete;
  affinity_guard& operator=(const affinity_guard&) = delete;
  ~affinity_guard();

 private:
  cpu_set_t before_;
  bool known_;
};

} // namespace heirlock::lab::race
