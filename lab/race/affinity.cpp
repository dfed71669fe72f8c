// SPDX-License-Identifier: Apache-2.0
#include "lab/race/affinity.hpp"

namespace heirlock::lab::race {

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  std::vector<int> result;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return result;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) result.push_back(cpu);
  }
  return result;
}

void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

affinity_guard::affinity_guard() : known_(::sched_getaffinity(0, sizeof before_, &before_) == 0) {}

affinity_guard::~affinity_guard() {
  if (known_) ::sched_setaffinity(0, sizeof before_, &before_);
}

} // namespace heirlock::lab::race
