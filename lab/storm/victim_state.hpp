// SPDX-License-Identifier: Apache-2.0
// In which state a victim died, and which one is due.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>

#include "lab/storm/arena.hpp"

namespace heirlock::lab::storm {

// enqueuing: in lock and not asleep, that is, trying, spinning, going to sleep or just woken.
// waiting: in lock, and the kernel says that it sleeps.
enum class victim_state : unsigned { idle, enqueuing, waiting, owning, releasing, claiming };
inline constexpr unsigned victim_states = 6;
inline constexpr std::array<const char*, victim_states> victim_state_names = {
    "idle", "enqueuing", "waiting", "owning", "releasing", "claiming"};

// By the thread's own record, innermost lock first; whether it sleeps is for the caller to say. nullopt: no victim,
// because it is not there yet or not there any more.
std::optional<victim_state> state_of(const thread_record& record, bool asleep);

// Counts the kills, and says which state to aim at next.
class aim {
 public:
  aim(std::uint32_t seed, bool can_claim, bool can_wait);

  // The one that has had least of its share so far.
  victim_state next();
  void killed(victim_state in) { ++kills_[index(in)]; }
  // The lock has been seen asleep: until then nobody can be killed while it waits.
  void saw_a_sleeper() { sleepers_ = true; }

  std::uint64_t kills_in(victim_state s) const { return kills_[index(s)]; }
  // False: this lock, or a storm with one thread, has no such state.
  bool possible(victim_state s) const;

 private:
  static unsigned index(victim_state s) { return static_cast<unsigned>(s); }

  std::mt19937 random_;
  bool can_claim_, can_wait_, sleepers_ = false;
  std::array<std::uint64_t, victim_states> kills_ = {};
};

} // namespace heirlock::lab::storm
