// SPDX-License-Identifier: Apache-2.0
// The audits of a comparison, a worker to each CPU.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lab/audit/scenario.hpp"
#include "lab/compare/costs.hpp"
#include "lab/compare/saved_cases.hpp"
#include "lab/kernel/policy.hpp"

namespace heirlock::cli {

struct entrant {
  lab::costed_subject subject;
  const lab::kernel::policy* policy = nullptr;
  std::string version; // of what is audited: a library that was built again is judged again
};

struct planned_case {
  const lab::scenario* what;
  lab::operation op;
};

enum class extent {
  // Every kill point; against the positions of a second actor, one kill point of a kind.
  full,
  // No second actor's positions; in contended operations, whose paths are long, one kill point of a kind.
  quick,
};

// The documents of every entrant in every case of the plan for which its policy will do, in that order; what `saved` has is not audited again.
nlohmann::ordered_json audited_cases(const std::vector<entrant>& entrants,
                                     const std::vector<planned_case>& plan, extent of,
                                     lab::saved_cases& saved);

} // namespace heirlock::cli
