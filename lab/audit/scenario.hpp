// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/audit/run.hpp"

namespace heirlock::lab {

// One performance of a scenario: who is there besides the victim, and what they do when.
class play {
 public:
  explicit play(run& r) : r_(r) {}
  virtual ~play() = default;
  play(const play&) = delete;
  play& operator=(const play&) = delete;

  // Brings everybody to where they are when the victim begins its operation.
  virtual void set_up() = 0;
  // The victim waits in its operation: those for whom it waits act. May be called more than once.
  virtual void cue() {}
  // The victim is stopped at the kill point.
  virtual void at_kill_point() {}
  // The victim is dead and reaped, or has ended its operation: the survivors act, and what must hold is
  // checked.
  virtual void aftermath() = 0;

  // The other actor whose positions are enumerated too, and the operation that it is in.
  virtual actor* second() { return nullptr; }
  bool second_is_under_way() { return second() != nullptr && second()->in_call(); }

 protected:
  run& r_;
};

// What must have come about in at least one run: where it has not, a scenario has passed a lock without having tried it.
enum class premise {
  somebody_waited,
  victim_died_owning, // of locks that do not say who owns them: a death was told
  memory_reused,      // or its new use waited for the stopped victim, which is a way to be safe
  death_told,
  memory_reaped,
  tid_given_again,
  victim_passed_over,
};

// For people, of a premise that has not come about.
constexpr std::string_view lack_of(premise p) {
  constexpr std::string_view texts[] = {
      "nobody waited for the lock",
      "nobody died owning the lock",
      "the lock's memory was not reused before the kill",
      "nobody was told of a death",
      "the OOM reaper took no memory",
      "no later thread got the dead one's TID",
      "nobody got the lock before the woken victim, with another asleep,",
  };
  return texts[static_cast<unsigned>(p)];
}

// Those that have come about in no run.
std::vector<premise> missing_premises(std::vector<premise> of, const run_facts& facts,
                                      bool owner_is_known);

class scenario {
 public:
  virtual ~scenario() = default;

  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0; // what happens
  virtual std::string_view promise() const = 0; // what must hold for users

  // What `ok` rests on, beside that the victim was killed.
  virtual std::vector<premise> premises(operation) const = 0;

  // Why the scenario makes no sense for this operation; empty when it does.
  virtual std::string_view why_not(operation) const { return {}; }
  // What this machine lacks for it; empty when nothing.
  virtual std::string why_not_here() const { return {}; }
  // The operation of the second actor, if its positions are enumerated.
  virtual std::optional<subject_call> second_call(operation) const { return std::nullopt; }
  // The scenario says something about a victim that is not killed but goes on, after the survivors have
  // acted at the kill point: what a lock does to memory that it has released, and what becomes of two who
  // meet, needs no death.
  virtual bool lets_live() const { return true; }
  // Anything else than a kill of its process. Then it has a sibling.
  virtual ending victim_ends(operation) const { return ending::process_killed; }
  // The victim is not the only thread of its process: run::sibling() is the first.
  virtual bool has_sibling() const { return false; }
  // The lock's memory is reused: once filled with the TID, once with the TID and FUTEX_WAITERS.
  virtual bool reuses_memory() const { return false; }

  // The kernel may leave nothing behind by which a waiter could be woken. So here, and nowhere else, a lock may come
  // round by a timeout, and one that has such a backstop has it on.
  virtual bool waits_out_timeouts() const { return false; }

  // Another subject, by name, that lives in the same processes: its lock is the one at arena::guest.
  virtual std::string_view guest() const { return {}; }
  // The kernel policy without which every lock fails; empty when any kernel will do.
  virtual std::string_view needs_policy() const { return {}; }

  // Runs at each kill point, until one shows a violation: more than one where the kernel's scheduler has a part in
  // what happens, and a busy machine could hide it.
  virtual unsigned tries() const { return 1; }
  virtual std::unique_ptr<play> perform(run& r) const = 0;
};

} // namespace heirlock::lab
