// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/release_and_reuse.hpp"

#include "lab/process/trouble.hpp"

namespace heirlock::lab {

void release_and_reuse::set_up() {
  taker_ = taker_dies() ? &r_.st().enter_beside(r_.victim()) : &r_.st().enter();
  r_.init(r_.victim(), arena::object_a);
  r_.victim_holds(arena::object_a);
  if (is_contended(r_.op())) r_.acquire(*taker_, subject_call::lock, arena::object_a);
}

// The taker gets the lock or it does not; both are the lock's right while the victim is inside unlock.
bool release_and_reuse::take() {
  if (!is_contended(r_.op()))
    return r_.acquire(*taker_, subject_call::trylock, arena::object_a).returned(0);
  if (!taker_->in_call()) return r_.holds(*taker_, arena::object_a);
  if (taker_->nudge() != progress::returned) return false;
  return r_.await(*taker_, arena::object_a).returned(0);
}

void release_and_reuse::at_kill_point() {
  if (!is_contended(r_.op()) && second_is_under_way()) return; // stopped on its way to the lock
  if (!take()) return;
  r_.release(*taker_, arena::object_a);
  r_.destroy(*taker_, arena::object_a);
  if (taker_->in_call()) return; // its destroy waits for the victim: the memory is not free yet
  reuse(*taker_);
  reused_ = true;
  r_.facts().reused = 1;
  before_ = reused_words();
}

void release_and_reuse::reuse(actor& taker) {
  mailbox order = {};
  order.command = actor_command::fill;
  order.object = arena::object_a;
  order.size = r_.st().subject_size();
  order.value = r_.fill_word();
  taker.perform(order);
}

std::vector<std::uint64_t> release_and_reuse::reused_words() {
  return r_.st().snapshot(arena::object_a);
}

void release_and_reuse::aftermath() {
  if (reused_) {
    r_.expect_unchanged(before_, reused_words(), what_was_reused());
    return;
  }
  // A taker in the victim's process dies with it, and lives on with it.
  const bool is_alive = !taker_->thread().status().is_gone();
  if (is_alive && taker_->in_call() && !r_.must_be_served(*taker_, arena::object_a)) return;
  r_.obtain(r_.witness(), arena::object_a);
}

} // namespace heirlock::lab
