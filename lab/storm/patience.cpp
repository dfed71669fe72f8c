// SPDX-License-Identifier: Apache-2.0
#include "lab/storm/patience.hpp"

#include <fmt/format.h>

#include "lab/process/thread_state.hpp"
#include "lab/process/trouble.hpp"
#include "lab/storm/victim_state.hpp"

namespace heirlock::lab::storm {
namespace {

using namespace std::chrono_literals;

// More than any operation needs, by orders of magnitude.
constexpr std::chrono::nanoseconds longest_burn = 1s;
constexpr std::chrono::minutes for_ever{10};

} // namespace

patience::patience(std::chrono::milliseconds longest_timeout)
    : longest_sleep_(2 * longest_timeout + 2s) {}

bool patience::lost(const std::vector<watched>& restless) {
  const auto now = clock::now();
  if (now - begin_ > for_ever)
    throw trouble(
        fmt::format("the workers get no processor time, or were stopped from outside:\n{}",
                    describe(restless)));
  bool all = true;
  for (const watched& w : restless) {
    const thread_id tid{static_cast<pid_t>(w.record->tid.load())};
    const std::uint64_t steps = w.record->steps.load();
    const auto cpu = cpu_time(tid);
    const auto [at, is_new] = looks_.try_emplace(w.record);
    look& l = at->second;
    l.asleep = is_asleep(tid);
    if (is_new || l.steps != steps) l.cpu_at_last_step = cpu;
    if (is_new || l.steps != steps || !l.asleep) l.last_seen_awake = now;
    l.steps = steps;
    const bool sleeps_for_ever = now - l.last_seen_awake > longest_sleep_;
    const bool spins_for_ever = cpu - l.cpu_at_last_step > longest_burn;
    all = all && (sleeps_for_ever || spins_for_ever);
  }
  return all && !restless.empty();
}

std::string patience::describe(const std::vector<watched>& restless) const {
  std::string text;
  for (const watched& w : restless) {
    const auto at = looks_.find(w.record);
    const bool asleep = at != looks_.end() && at->second.asleep;
    const auto state = state_of(*w.record, asleep);
    text += fmt::format("  process {} thread {} (TID {}): {}{}", w.place, w.thread,
                        w.record->tid.load(),
                        state ? victim_state_names[static_cast<unsigned>(*state)] : "starting",
                        asleep ? ", asleep" : "");
    for (unsigned depth = 0; depth < deepest; ++depth)
      if (w.record->at(depth).what() != phase::none)
        text += fmt::format(" [lock {}, ticket {}]", w.record->at(depth).lock(),
                            w.record->at(depth).ticket());
    text += "\n";
  }
  return text;
}

} // namespace heirlock::lab::storm
