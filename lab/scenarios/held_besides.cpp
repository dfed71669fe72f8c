// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/held_besides.hpp"

namespace heirlock::lab {

void inherit_besides(run& r, std::uint64_t other) {
  for (const std::uint64_t lock : {other, arena::object_a})
    if (!r.obtain(r.witness(), lock)) return;
  const unsigned expected = 1 + (r.died_owning().value_or(r.told() > 1) ? 1 : 0);
  if (r.told() < expected) {
    r.fail(verdict::owner_lost, "the victim owned a lock when it died, and nobody was told");
  } else if (r.told() > expected) {
    r.fail(verdict::false_death, "a death was reported, but the victim did not own the lock");
  }
}

} // namespace heirlock::lab
