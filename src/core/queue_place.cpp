// SPDX-License-Identifier: Apache-2.0
#include "src/core/queue_place.hpp"

namespace heirlock::core {

// A loop of CAS rather than an exchange: a node's predecessor is then valid whenever the node can be found.
void queue_place::enter(std::atomic<std::uint32_t>& tail) noexcept {
  seat& mine = domain_.seat_number(seat_number_);
  std::atomic<std::uint32_t>& sequence = mine.sequence[static_cast<unsigned>(kind_)];
  // Only the holder of a seat writes its sequence, and dying here skips a number: no harm.
  const std::uint32_t next = (sequence.load(std::memory_order_relaxed) + 1) & sequence_mask;
  sequence.store(next, std::memory_order_relaxed);
  ticket_ = ticket_of(seat_number_, next);
  node_ = &mine.places_in(kind_).at(ticket_);
  tail_ = &tail;
  before_that_ = 0;

  node_->state.store(with_sequence(place_state::waiting, ticket_), std::memory_order_seq_cst);
  std::uint32_t last = tail.load(std::memory_order_acquire);
  do {
    node_->predecessor.store(last, std::memory_order_release);
    // sync queued: who finds this ticket in the tail finds the node's state and predecessor.
  } while (!tail.compare_exchange_weak(last, ticket_, std::memory_order_acq_rel,
                                       std::memory_order_acquire));
  predecessor_ = last;
}

void queue_place::follow(std::uint32_t ticket) noexcept {
  predecessor_ = ticket;
  node_->predecessor.store(ticket, std::memory_order_release);
}

void queue_place::lead() noexcept {
  follow(0);
  before_that_ = 0;
}

bool queue_place::find_predecessor(predecessor& found) noexcept {
  while (predecessor_ != 0) {
    const std::uint32_t number = seat_of_ticket(predecessor_);
    if (!is_seat(number)) break; // the tail was overwritten by a stranger
    seat& before = domain_.seat_number(number);
    node& place = before.places_in(kind_).at(predecessor_);
    if (&place == node_) break; // an old ticket of this very seat

    // The order decides. Bell, then generation: an equal generation proves that the bell's value is that of
    // this holder. Both before the state: what a dead holder left is final (sync death, sync generation).
    // sync queued: the ticket was read with acquire, in the tail or in a node, so its node is written.
    // sync left: our CAS of the tail came first; if this state is still waiting, its leaver will see that CAS.
    std::atomic<std::uint32_t>& word = before.bell_for(kind_).word();
    const std::uint32_t bell_value = word.load(std::memory_order_acquire);
    const std::uint32_t generation = before.generation.load(std::memory_order_acquire);
    const std::uint32_t state = place.state.load(std::memory_order_acquire);
    if ((state & sequence_mask) != (predecessor_ & sequence_mask)) {
      // The node has been used again: its place in our queue is over. Whom it followed is all that is left.
      count(domain_.counters().lost_places);
      follow(before_that_);
      before_that_ = 0;
      continue;
    }
    if (state_of(state) == place_state::done || state_of(state) == place_state::unused) break;
    const std::uint32_t next = place.predecessor.load(std::memory_order_acquire);
    // Once more: the predecessor just read may be that of the node's next use.
    if ((place.state.load(std::memory_order_acquire) & sequence_mask) !=
        (predecessor_ & sequence_mask))
      continue;
    if (!sys::is_held(bell_value) || state_of(state) == place_state::gave_up) {
      follow(next);
      before_that_ = 0;
      continue;
    }
    before_that_ = next;
    found = {&before, &place, &word, bell_value, generation, state};
    return true;
  }
  lead();
  return false;
}

void queue_place::leave() noexcept {
  if (!entered()) return;
  const place_state last_word = predecessor_ == 0 ? place_state::done : place_state::gave_up;
  // sync left: the state is stored, then a follower is looked for; a follower enters the tail, then looks
  // at the state. One of the two sees the other; a follower that already sleeps is woken.
  node_->state.store(with_sequence(last_word, ticket_), std::memory_order_seq_cst);
  std::uint32_t expected = ticket_;
  if (!tail_->compare_exchange_strong(expected, predecessor_, std::memory_order_seq_cst))
    sys::wake_all(domain_.seat_number(seat_number_).bell_for(kind_).word());
  ticket_ = 0;
}

} // namespace heirlock::core
