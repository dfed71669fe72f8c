// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/release_and_reuse.hpp"

#include <fmt/format.h>

#include <chrono>

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

bool release_and_reuse::let_go() {
  r_.release(*taker_, arena::object_a);
  return r_.destroy(*taker_, arena::object_a);
}

void release_and_reuse::at_kill_point() {
  if (!is_contended(r_.op()) && second_is_under_way()) return; // stopped on its way to the lock
  if (!take()) return;
  memory_ = memory::is_being_freed;
  if (let_go()) reuse();
  r_.facts().reused = memory_ == memory::is_reused;
}

void release_and_reuse::reuse() {
  memory_ = memory::is_being_reused;
  next_user().start(new_use());
  await_reuse();
}

void release_and_reuse::await_reuse() {
  const auto result = next_user().await(std::chrono::milliseconds(10));
  if (!result) {
    if (next_user().thread().status().is<signal_stop>())
      throw trouble("an actor crashed while it put the lock's memory to another use");
    r_.facts().held_up = 1;
    return;
  }
  if (*result != 0)
    throw trouble(fmt::format("an actor could not put the lock's memory to another use: {}",
                              std::generic_category().message(static_cast<int>(*result))));
  memory_ = memory::is_reused;
  before_ = reused_words();
}

mailbox release_and_reuse::new_use() {
  mailbox order = {};
  order.command = actor_command::fill;
  order.object = arena::object_a;
  order.size = r_.st().subject_size();
  order.value = r_.fill_word();
  return order;
}

std::vector<std::uint64_t> release_and_reuse::reused_words() {
  return r_.st().snapshot(arena::object_a);
}

void release_and_reuse::aftermath() {
  // A taker in the victim's process dies with it, and lives on with it.
  const bool is_alive = !taker_->thread().status().is_gone();
  switch (memory_) {
  case memory::is_reused:
    r_.expect_unchanged(before_, reused_words(), what_was_reused());
    return;
  case memory::is_the_locks:
    if (is_alive && taker_->in_call() && !r_.must_be_served(*taker_, arena::object_a)) return;
    if (r_.obtain(r_.witness(), arena::object_a) && destroys())
      r_.must_destroy(r_.witness(), arena::object_a);
    return;
  case memory::is_being_freed:
    // A taker that died on the way has freed nothing, and a half destroyed lock is nobody's any more.
    if (is_alive && r_.must_destroy(*taker_, arena::object_a)) reuse();
    break;
  case memory::is_being_reused:
    if (is_alive) await_reuse();
    break;
  }
  if (is_alive && memory_ == memory::is_being_reused)
    r_.fail(verdict::stuck, "a mapping call waits for nobody who is left");
}

} // namespace heirlock::lab
