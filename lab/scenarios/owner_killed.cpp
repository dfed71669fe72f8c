// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

class two_heirs final : public play {
 public:
  using play::play;

  void set_up() override {
    first_ = &r_.st().enter();
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

  void cue() override {
    holder_leaves();
    if (first_->in_call()) r_.await(*first_, arena::object_a);
    r_.release(*first_, arena::object_a);
  }

  void aftermath() override {
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
      r_.fail(verdict::false_death,
              expected == 0 ? "a death was reported, but the victim did not own the lock"
                            : fmt::format("one death was reported {} times", r_.told()));
    }
  }

  actor* second() override {
    if (holder_ != nullptr) return holder_;
    return r_.op() == operation::unlock_contended ? nullptr : first_;
  }

 private:
  void holder_leaves() {
    if (holder_ == nullptr) return;
    if (holder_->in_call()) {
      holder_->finish();
      r_.left(*holder_, arena::object_a);
    }
    r_.release(*holder_, arena::object_a);
  }

  actor* first_ = nullptr;
  actor* next_ = nullptr;
  actor* holder_ = nullptr;
};

class owner_killed final : public scenario {
 public:
  std::string_view name() const override { return "owner-killed"; }
  std::string_view summary() const override {
    return "the victim is killed; two other processes take the lock one after the other";
  }
  std::string_view promise() const override {
    return "if the victim owned the lock, exactly one of them is told, exactly once; if not, none";
  }
  std::optional<subject_call> second_call(operation op) const override {
    switch (op) {
    case operation::unlock_contended:
      return std::nullopt;
    case operation::lock_contended:
    case operation::trylock_contended:
      return subject_call::unlock;
    default:
      return subject_call::lock;
    }
  }
  std::unique_ptr<play> perform(run& r) const override { return std::make_unique<two_heirs>(r); }
};

} // namespace

const scenario& owner_killed_scenario() {
  static const owner_killed instance;
  return instance;
}

} // namespace heirlock::lab
