// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace heirlock::lab {

// Where an actor inside an operation came to rest.
enum class progress {
  at_instruction, // stopped before an instruction of the operation
  in_handler,     // stopped inside the signal handler that interrupted the operation
  returned,       // stopped, the operation is over
  asleep,         // sleeps in a system call of the operation
  spinning,       // waits actively: used up its CPU time without an end
  crashed,        // stopped by SIGSEGV, SIGABRT or the like
  gone,           // its process ended
};

// How an operation of an actor ended or did not; `value` is what it returned (0 or an errno value).
struct call_end {
  progress how = progress::gone;
  int value = 0;

  bool returned(int expected) const { return how == progress::returned && value == expected; }
  bool waits() const { return how == progress::asleep || how == progress::spinning; }
};

} // namespace heirlock::lab
