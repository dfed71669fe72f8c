// SPDX-License-Identifier: Apache-2.0
// The race of robust mutexes shown on the machine's own libc and kernel without ptrace: by chance alone
// (natural), and with better odds but without privilege (widen).
//
// A victim process uses robust process-shared mutexes in shared memory; another process takes each one
// once the victim has let go for the last time, destroys it and reuses the memory, as POSIX allows; the
// victim is killed with SIGKILL at random moments. When it has been reaped, the reused memory is compared
// with what was stored there. Nothing else writes there, so what changed was changed by the kernel.
//
// All processes that these functions make are gone when they return or throw, and die with the calling
// thread, even if that is killed. Call them from a thread that holds no lock; they fork.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include "lab/race/tally.hpp"

namespace heirlock::lab::race {

struct limits {
  double seconds = 10; // ends at the first attempt that starts after that; must be positive
  std::uint64_t max_attempts = std::numeric_limits<std::uint64_t>::max();
  // Of everything that is random on this side. The scheduler's part in the result cannot be seeded.
  std::uint64_t seed = 1;
};

// The control: the kernel never writes to a mutex that is not robust, so `normal` must give no hit.
enum class lock_kind { robust, normal };

// Called after each attempt with what is known so far (also `first`); false ends the series there.
using progress = std::function<bool(const tally&)>;

// No help at all: no ptrace, no faults, no priorities, no sleeping inside the window.
// Throws std::system_error or std::runtime_error when processes or memory cannot be had.
[[nodiscard]] tally natural(const limits& bounds, const progress& report = {},
                            lock_kind kind = lock_kind::robust);

// How a thread is made to linger where it stores to its robust list head, the window's last instruction.
enum class widening {
  best, // userfaultfd; where it is refused, protect
  userfaultfd, // write-protects the page at a random moment; the store waits for an answer that never comes
  protect, // mprotect by a sibling thread; the store faults, and the signal handler waits
};

// Whether a way works here, tried on a page of the calling process.
struct availability {
  bool works = false;
  std::string reason; // why not, with the errno and what can be done; empty when it works
};
[[nodiscard]] availability probe(widening way);

// As natural, with the help of `way`. Throws std::runtime_error with the reason when the way (for `best`:
// each way) is not to be had here. tally::what says which way was used and how often the thread stalled.
[[nodiscard]] tally widen(const limits& bounds, const progress& report = {},
                          widening way = widening::best, lock_kind kind = lock_kind::robust);

} // namespace heirlock::lab::race
