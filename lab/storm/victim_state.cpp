// SPDX-License-Identifier: Apache-2.0
#include "lab/storm/victim_state.hpp"

namespace heirlock::lab::storm {
namespace {

// Of all kills that are aimed, in the order of victim_state. Ways in and out of the lock are where locks go wrong.
constexpr std::array<double, victim_states> shares = {0.08, 0.26, 0.20, 0.16, 0.20, 0.10};

} // namespace

std::optional<victim_state> state_of(const thread_record& record, bool asleep) {
  const activity now = record.now.load();
  if (now == activity::unborn || now == activity::gone || now == activity::parked)
    return std::nullopt;
  if (now == activity::claiming) return victim_state::claiming;
  for (unsigned depth = deepest; depth-- > 0;) {
    switch (record.at(depth).what()) {
    case phase::none:
      continue;
    case phase::locking:
      return asleep ? victim_state::waiting : victim_state::enqueuing;
    case phase::owning:
      return victim_state::owning;
    case phase::releasing:
      return victim_state::releasing;
    }
  }
  return victim_state::idle;
}

aim::aim(std::uint32_t seed, bool can_claim, bool can_wait)
    : random_(seed), can_claim_(can_claim), can_wait_(can_wait) {}

bool aim::possible(victim_state s) const {
  if (s == victim_state::claiming) return can_claim_;
  if (s == victim_state::waiting) return can_wait_ && sleepers_;
  return true;
}

victim_state aim::next() {
  unsigned best = 0;
  double least = 0;
  for (unsigned s = 0; s < victim_states; ++s) {
    if (s == index(victim_state::claiming) && !can_claim_) continue;
    if (s == index(victim_state::waiting) && !can_wait_) continue;
    // The random part keeps the order of the states from becoming a rhythm.
    const double has = static_cast<double>(kills_[s]) / shares[s] +
                       static_cast<double>(random_() % 1000) / 1000 / shares[s];
    if (s == 0 || has < least) {
      best = s;
      least = has;
    }
  }
  return static_cast<victim_state>(best);
}

} // namespace heirlock::lab::storm
