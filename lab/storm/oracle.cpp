// SPDX-License-Identifier: Apache-2.0
#include "lab/storm/oracle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace heirlock::lab::storm {
namespace {

constexpr std::size_t most_stories = 5;

std::string name_of(std::uint32_t life) {
  return fmt::format("process {} thread {}", serial_of(life),
                     life & ((std::uint32_t{1} << thread_bits) - 1));
}

} // namespace

void oracle::tell(std::string story) {
  if (found_.stories.size() < most_stories) found_.stories.push_back(std::move(story));
}

void oracle::died(holding last, std::uint64_t now) {
  lock_history& h = locks_.at(last.lock());
  switch (last.what()) {
  case phase::none:
    break;
  case phase::locking:
    h.windows.push_back({last.ticket(), now, none});
    break;
  case phase::owning:
    h.owners.emplace(last.ticket(), false);
    break;
  case phase::releasing:
    h.releasers.emplace(last.ticket(), false);
    break;
  }
}

void oracle::successor_of_a_dead_owner(unsigned lock, std::uint64_t owner, bool told) {
  auto& owners = locks_.at(lock).owners;
  const auto known = owners.find(owner);
  if (known == owners.end() || known->second) return;
  known->second = true;
  if (told) return;
  ++found_.unreported_deaths;
  tell(fmt::format("lock {}: the owner with ticket {} died, and the next one was not told", lock,
                   owner));
}

void oracle::entered(unsigned lock, occupancy before, occupancy mine, bool before_was_dead) {
  lock_history& h = locks_.at(lock);
  if (before.inside() && !before_was_dead) {
    ++found_.two_owners;
    tell(fmt::format(
        "lock {}: {} acquired it (ticket {}) while {} was inside (ticket {}) and alive", lock,
        name_of(mine.life()), mine.ticket(), name_of(before.life()), before.ticket()));
    if (mine.told()) ++found_.false_deaths;
    return;
  }
  if (before.inside()) {
    // `before` may have been killed before it could log what it was told itself: its word has it.
    successor_of_a_dead_owner(lock, before.ticket() - 1, before.told());
    h.owners.emplace(before.ticket(), false);
    successor_of_a_dead_owner(lock, before.ticket(), mine.told());
    return;
  }
  successor_of_a_dead_owner(lock, before.ticket(), mine.told());
  if (!mine.told()) return;
  const auto releaser = h.releasers.find(before.ticket());
  if (releaser != h.releasers.end() && !releaser->second) {
    releaser->second = true;
    ++from_windows_;
  } else if (explained(lock, mine.ticket())) {
    ++from_windows_;
  } else {
    ++found_.false_deaths;
    tell(fmt::format("lock {}: {} was told that an owner died (ticket {}), but {} had released it "
                     "(ticket {}), and nobody who could have owned it since has died",
                     lock, name_of(mine.life()), mine.ticket(), name_of(before.life()),
                     before.ticket()));
  }
}

void oracle::displaced(unsigned lock, occupancy found, occupancy expected) {
  ++found_.two_owners;
  tell(fmt::format("lock {}: while {} was inside (ticket {}), {} entered (ticket {})", lock,
                   name_of(expected.life()), expected.ticket(), name_of(found.life()),
                   found.ticket()));
}

void oracle::unexpected(std::uint32_t life, subject_step step, unsigned lock, int code) {
  ++found_.unexpected_results;
  tell(fmt::format("lock {}: {} of {} returned {} ({})", lock,
                   step_names[static_cast<unsigned>(step)], name_of(life), code,
                   std::strerror(code)));
}

// Each death explains one report. Which explains which is a matching: were it decided once, the order in which the
// events come could accuse a sound lock.
bool oracle::explained(unsigned lock, std::uint64_t ticket) {
  lock_history& h = locks_.at(lock);
  h.reports.push_back(ticket);
  std::vector<bool> tried(h.windows.size());
  if (find_window(h, h.reports.size() - 1, tried)) return true;
  h.reports.pop_back();
  return false;
}

bool oracle::find_window(lock_history& in, std::size_t report, std::vector<bool>& tried) {
  const std::uint64_t ticket = in.reports[report];
  const auto first =
      std::ranges::lower_bound(in.windows, ticket, {}, [](const window& w) { return w.now + 1; });
  for (auto w = first; w != in.windows.end(); ++w) {
    const auto index = static_cast<std::size_t>(w - in.windows.begin());
    if (w->seen >= ticket || tried[index]) continue;
    tried[index] = true;
    if (w->report == none || find_window(in, w->report, tried)) {
      w->report = report;
      return true;
    }
  }
  return false;
}

std::uint64_t oracle::unjudged(const std::vector<std::uint64_t>& last) const {
  std::uint64_t sum = 0;
  for (std::size_t lock = 0; lock < locks_.size(); ++lock)
    for (const auto& [ticket, known] : locks_[lock].owners)
      if (!known && ticket < last.at(lock)) ++sum;
  return sum;
}

} // namespace heirlock::lab::storm
