// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lab/subjects/subject.h"

#include <sys/types.h>

#include <cstdint>

namespace heirlock::lab {

enum class actor_command : std::uint8_t {
  lock,
  trylock,
  unlock,
  consistent,
  destroy,
  // A child of the actor, forked after the actor has entered, locks and is killed as the owner.
  let_child_die_owning,
};

// A process that does to a lock what it is told. It is dead and reaped when the object goes out of
// scope, and dies with the process that made it.
class actor_process {
 public:
  actor_process(const heirlock_subject& subject, void* lock);
  ~actor_process();
  actor_process(const actor_process&) = delete;
  actor_process& operator=(const actor_process&) = delete;

  // Starts an operation; result() has its outcome. Another lock must have been mapped before the actor was made.
  void begin(actor_command command, void* other_lock = nullptr);
  // What the operation returned. Throws std::runtime_error if it takes longer than ten seconds.
  int result();
  int call(actor_command command, void* other_lock = nullptr) {
    begin(command, other_lock);
    return result();
  }

  // Returns when the operation that was begun sleeps in the kernel, or has been spinning for a while.
  void wait_until_it_waits() const;
  // SIGKILL; returns when the process is reaped.
  void kill();

  pid_t pid() const { return pid_; }

 private:
  [[noreturn]] void serve(const heirlock_subject& subject, void* lock, int channel) const;

  pid_t pid_ = -1;
  int channel_ = -1;
};

} // namespace heirlock::lab
