// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/two_heirs.hpp"

#include <fmt/format.h>

namespace heirlock::lab {

void two_heirs::set_up() {
  first_ = &first_heir();
  next_ = &r_.st().enter();
  r_.init(r_.witness(), arena::object_a);
  if (is_release(r_.op())) {
    r_.victim_holds(arena::object_a);
    if (!is_contended(r_.op())) return;
    r_.acquire(*first_, subject_call::lock, arena::object_a);
    r_.acquire(*next_, subject_call::lock, arena::object_a);
  } else if (is_contended(r_.op())) {
    holder_ = &r_.st().enter();
    r_.acquire(*holder_, subject_call::lock, arena::object_a);
  }
}

void two_heirs::cue() {
  holder_leaves();
  if (first_->in_call()) r_.await(*first_, arena::object_a);
  r_.release(*first_, arena::object_a);
}

void two_heirs::aftermath() {
  holder_leaves();
  // Whoever is served first leaves, and then the other must be.
  for (actor* heir : {first_, next_}) {
    if (heir->in_call()) r_.await(*heir, arena::object_a);
    r_.release(*heir, arena::object_a);
  }
  for (actor* heir : {first_, next_}) {
    const bool served = heir->in_call() ? r_.must_be_served(*heir, arena::object_a)
                                        : r_.obtain(*heir, arena::object_a);
    if (!served) return;
  }
  const unsigned expected = r_.died_owning().value_or(r_.told() > 0) ? 1 : 0;
  if (r_.told() < expected) {
    r_.fail(verdict::owner_lost, "the victim owned the lock when it died, and nobody was told");
  } else if (r_.told() > expected) {
    r_.fail(verdict::false_death, expected == 0
                                      ? "a death was reported, but the victim did not own the lock"
                                      : fmt::format("one death was reported {} times", r_.told()));
  }
}

actor* two_heirs::second() {
  if (holder_ != nullptr) return holder_;
  return r_.op() == operation::unlock_contended ? nullptr : first_;
}

void two_heirs::holder_leaves() {
  if (holder_ == nullptr) return;
  if (holder_->in_call()) {
    holder_->finish();
    r_.left(*holder_, arena::object_a);
  }
  r_.release(*holder_, arena::object_a);
}

} // namespace heirlock::lab
