// SPDX-License-Identifier: Apache-2.0
// What a subject costs where nobody dies and nobody contends, measured in processes of its own on the running
// kernel: a policy of the supervisor has no part in it.
#pragma once

#include <string>
#include <vector>

namespace heirlock::lab {

// Nanoseconds of CPU time; the median over interleaved rounds.
struct subject_costs {
  std::string subject;
  double lock_unlock = 0;
  double destroy = 0;     // init and destroy
  double map_unmap = 0;   // one shared page, by the lock's own calls, while nothing is pending
  double thread_exit = 0; // a thread that has used the lock once: from its creation to the join
};

struct costed_subject {
  std::string name;
  std::string library; // as the actor program is told: a built-in name, or a path
};

// Rounds are interleaved over the subjects, so that what else the machine does meets all alike.
std::vector<subject_costs> measure_costs(const std::vector<costed_subject>& subjects,
                                         unsigned rounds);

} // namespace heirlock::lab
