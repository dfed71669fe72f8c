// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"
#include "src/sys/futex.hpp"

// The queues: of the waiters of a mutex, and of the heads that watch one bell. Both are hints about who
// watches whom, linked through the domain alone. A broken queue makes an extra head, never a second owner.
namespace heirlock::core {

// What a follower knows of the place before it, when it decides to sleep.
struct predecessor {
  seat* holder;
  node* place;
  std::atomic<std::uint32_t>* bell_word;
  std::uint32_t bell_value, generation, state;

  void add_to(sys::wait_set& sleep) const noexcept {
    // The bell first: it is what a leaving predecessor wakes.
    sleep.add(*bell_word, bell_value);
    sleep.add(place->state, state);
    sleep.add(holder->generation, generation);
  }
  bool died() const noexcept {
    return bell_word->load(std::memory_order_acquire) != bell_value ||
           holder->generation.load(std::memory_order_acquire) != generation;
  }
  bool changed() const noexcept {
    return died() || place->state.load(std::memory_order_acquire) != state;
  }
};

// This thread's place in one queue.
class queue_place {
 public:
  queue_place(attached_domain& domain, std::uint32_t seat_number, queue_kind kind) noexcept
      : domain_(domain), seat_number_(seat_number), kind_(kind) {}

  bool entered() const noexcept { return ticket_ != 0; }
  void enter(std::atomic<std::uint32_t>& tail) noexcept;
  // Step 2: whom to wait for. False: this place leads.
  bool find_predecessor(predecessor& found) noexcept;
  // Makes this place lead, whatever is before it.
  void lead() noexcept;
  // Step 5. The follower is told to lead, or to splice this place out, as befits.
  void leave() noexcept;

 private:
  bool is_seat(std::uint32_t number) const noexcept {
    return number >= 1 && number <= domain_.seat_count;
  }
  void follow(std::uint32_t ticket) noexcept;

  attached_domain& domain_;
  const std::uint32_t seat_number_;
  const queue_kind kind_;
  std::atomic<std::uint32_t>* tail_ = nullptr;
  node* node_ = nullptr;
  std::uint32_t ticket_ = 0;      // 0: not in the queue
  std::uint32_t predecessor_ = 0; // 0: leads
  std::uint32_t before_that_ = 0; // the predecessor's predecessor, as last seen
};

} // namespace heirlock::core
