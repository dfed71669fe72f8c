// SPDX-License-Identifier: Apache-2.0
#include "tests/audit/lifecycle/scenarios.hpp"

#include <fmt/format.h>

namespace heirlock::lab {
namespace {

class full_house final : public play {
 public:
  using play::play;

  void set_up() override {
    r_.init(r_.witness(), arena::object_a);
    if (is_release(r_.op())) r_.victim_holds(arena::object_a);
    if (!is_contended(r_.op())) return;
    other_ = &r_.st().enter();
    r_.acquire(*other_, subject_call::lock, arena::object_a);
  }

  void cue() override { other_leaves(); }

  void aftermath() override {
    other_leaves();
    // The first one keeps the lock, so that nobody can give a seat back who gives it back with the lock.
    r_.acquire(r_.witness(), subject_call::lock, arena::object_a);
    if (other_ != nullptr) r_.acquire(*other_, subject_call::trylock, arena::object_a);
    while (r_.st().everybody().size() + 1 < max_actors)
      r_.acquire(r_.st().enter(), subject_call::trylock, arena::object_a);
    if (!r_.holds(r_.witness(), arena::object_a))
      r_.fail(verdict::owner_lost, "nobody could lock it any more");
  }

 private:
  void other_leaves() {
    if (other_ == nullptr) return;
    if (other_->in_call()) r_.await(*other_, arena::object_a);
    r_.release(*other_, arena::object_a);
  }

  actor* other_ = nullptr;
};

class everybody_is_seated final : public scenario {
 public:
  std::string_view name() const override { return "everybody-is-seated"; }
  std::string_view summary() const override {
    return "the victim is killed; as many as the domain has seats come to the lock and stay";
  }
  std::string_view promise() const override { return "each finds a seat"; }
  std::vector<premise> premises(operation) const override { return {}; }
  bool lets_live() const override { return false; } // then there is one too many
  std::unique_ptr<play> perform(run& r) const override { return std::make_unique<full_house>(r); }
};

class second_death final : public play {
 public:
  using play::play;

  void set_up() override {
    r_.init(r_.witness(), arena::object_a);
    actor& first = r_.st().enter();
    r_.acquire(first, subject_call::lock, arena::object_a);
    r_.owner_dies(first);
  }

  // One death or two, it is one report: that of the first owner is the heir's, and if the heir died with it unsaid or
  // as the owner, the next one's.
  void aftermath() override {
    if (!r_.obtain(r_.witness(), arena::object_a)) return;
    if (r_.told() != 1)
      r_.fail(r_.told() == 0 ? verdict::owner_lost : verdict::false_death,
              fmt::format("an owner died, and {} deaths were reported", r_.told()));
  }
};

class heir_killed final : public scenario {
 public:
  std::string_view name() const override { return "heir-killed"; }
  std::string_view summary() const override {
    return "an owner has died, and the victim is killed while it takes the lock over";
  }
  std::string_view promise() const override {
    return "the next one is told of a death, once, wherever the heir was";
  }
  std::vector<premise> premises(operation) const override { return {premise::death_told}; }
  std::string_view why_not(operation op) const override {
    return is_release(op) || is_contended(op)
               ? "the victim takes the lock over: use lock or trylock"
               : std::string_view();
  }
  std::unique_ptr<play> perform(run& r) const override { return std::make_unique<second_death>(r); }
};

} // namespace

const scenario& everybody_is_seated_scenario() {
  static const everybody_is_seated instance;
  return instance;
}

const scenario& heir_killed_scenario() {
  static const heir_killed instance;
  return instance;
}

} // namespace heirlock::lab
