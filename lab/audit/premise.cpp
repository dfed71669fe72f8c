// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/scenario.hpp"

#include <algorithm>

namespace heirlock::lab {
namespace {

bool has_come_about(premise p, const run_facts& facts, bool owner_is_known) {
  switch (p) {
  case premise::somebody_waited:
    return facts.slept > 0;
  case premise::victim_died_owning:
    return owner_is_known ? facts.died_owning > 0 : facts.told > 0;
  case premise::memory_reused:
    return facts.reused + facts.held_up > 0;
  case premise::death_told:
    return facts.told > 0;
  case premise::memory_reaped:
    return facts.reaped > 0;
  case premise::tid_given_again:
    return facts.id_again > 0;
  case premise::victim_passed_over:
    return facts.passed_over > 0;
  }
  return false;
}

} // namespace

std::vector<premise> missing_premises(std::vector<premise> of, const run_facts& facts,
                                      bool owner_is_known) {
  std::erase_if(of, [&](premise p) { return has_come_about(p, facts, owner_is_known); });
  // It is by what was told that one would know of an owner's death.
  if (!owner_is_known) std::ranges::replace(of, premise::victim_died_owning, premise::death_told);
  return of;
}

} // namespace heirlock::lab
