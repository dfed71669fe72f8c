// SPDX-License-Identifier: Apache-2.0
// Makes a thread linger at its next store to a page of its own. Everything here runs in the victim.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "lab/race/race.hpp"

namespace heirlock::lab::race {

// In shared memory: the killer gives orders, counted up by one. Odd ones arm the trap, even ones let go.
struct trap_board {
  alignas(64) std::atomic<std::uint32_t> order;
  alignas(64) std::atomic<std::uint32_t> stalled;  // the last odd order that has caught the thread
  alignas(64) std::atomic<std::uint32_t> released; // the last even order that was carried out
};

class trap {
 public:
  trap() = default;
  trap(const trap&) = delete;
  trap& operator=(const trap&) = delete;
  virtual ~trap() = default;
  virtual void arm() = 0;
  // Returns when the thread has stalled and the board says so, or when there is another order. A trap
  // whose prey reports itself returns at once.
  virtual void watch(trap_board& board, std::uint32_t order) = 0;
  virtual void release() = 0;
};

// `page` must stay mapped. Both throw std::system_error, with what was refused.
[[nodiscard]] std::unique_ptr<trap> make_userfaultfd_trap(void* page, std::size_t size);
[[nodiscard]] std::unique_ptr<trap> make_protect_trap(void* page, std::size_t size);
[[nodiscard]] std::unique_ptr<trap> make_trap(widening way, void* page, std::size_t size);

// The thread to be caught calls this before the trap is made: a signal stack for the handler that waits.
void expect_protect_trap(trap_board& board);

} // namespace heirlock::lab::race
