// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lab/storm/arena.hpp"

namespace heirlock::lab::storm {

// What all threads of a worker process share.
struct workplace {
  arena* shared;
  const heirlock_subject* subject;
  const heirlock_storm_hooks* hooks; // may be nullptr
};

// One thread of a worker process: locks and unlocks until it is killed, or leaves while it holds a lock.
class worker {
 public:
  worker(const workplace& at, unsigned place, unsigned thread, std::uint32_t serial);
  void run();

 private:
  struct held {
    unsigned lock;
    occupancy mine;
  };

  bool claim();
  void detach();
  void park(std::uint32_t drain);
  void sweep();
  // False: the thread is to end, with what it holds.
  bool turn();
  bool enter(unsigned depth, unsigned lock, bool may_give_up);
  int attempt(guarded& g, bool may_give_up, subject_step& step);
  bool leave(unsigned depth);
  void section();
  void think();
  bool leaves_for_good(unsigned depth);
  [[noreturn]] void exec(unsigned depth);
  void announce_departure(unsigned depth);

  void note(unsigned depth, holding what);
  void note(activity what);
  void log(event_kind kind, unsigned lock, occupancy before, occupancy mine, bool before_was_dead);
  void log_code(subject_step step, unsigned lock, int code);
  event* next_event();
  void spin(unsigned turns);
  unsigned random(unsigned below);

  const workplace& at_;
  arena& shared_;
  thread_record& record_;
  const unsigned place_, thread_;
  const std::uint32_t life_;
  held held_[deepest];
  std::uint64_t random_state_;
};

} // namespace heirlock::lab::storm
