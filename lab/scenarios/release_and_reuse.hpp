// SPDX-License-Identifier: Apache-2.0
// What the scenarios have in common in which the released lock's memory gets another use: at the kill
// point a taker tries to get the lock; if it can, it is the last user, destroys it and reuses the memory.
//
// Both the destroy and the new use may wait for the stopped victim, which is a way to be safe. Then they must go
// on when the victim is dead, or has left its operation.
#pragma once

#include <vector>

#include "lab/audit/scenario.hpp"

namespace heirlock::lab {

class release_and_reuse : public play {
 public:
  enum class taker_lives { in_the_victims_process, in_another_process };

  release_and_reuse(run& r, taker_lives where) : play(r), where_(where) {}

  void set_up() override;
  void at_kill_point() override;
  void aftermath() override;
  actor* second() override { return is_contended(r_.op()) ? nullptr : taker_; }

 protected:
  actor& taker() { return *taker_; }

  // The taker has the lock. Frees its memory; false when that waits.
  virtual bool let_go();
  // Whether the lock is destroyed before its memory gets another use.
  virtual bool destroys() const { return true; }
  // Who puts the memory to its new use, by which order; and what is there later.
  virtual actor& next_user() { return *taker_; }
  virtual mailbox new_use();
  virtual std::vector<std::uint64_t> reused_words();
  virtual const char* what_was_reused() const { return "reused memory of the lock"; }

 private:
  enum class memory { is_the_locks, is_being_freed, is_being_reused, is_reused };

  bool take();
  void reuse();
  void await_reuse();
  bool taker_dies() const { return where_ == taker_lives::in_the_victims_process; }

  taker_lives where_;
  actor* taker_ = nullptr;
  memory memory_ = memory::is_the_locks;
  std::vector<std::uint64_t> before_;
};

// The explanation of reuse scenarios for operations in which memory cannot be freed.
inline constexpr std::string_view nobody_may_free_it =
    "while a thread is inside a lock call the lock must not be destroyed; use unlock or "
    "unlock-contended";

} // namespace heirlock::lab
