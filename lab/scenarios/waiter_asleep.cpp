// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

class waiter_and_holder final : public play {
 public:
  using play::play;

  void set_up() override {
    waiter_ = &r_.st().enter();
    r_.init(r_.witness(), arena::object_a);
    if (is_release(r_.op())) {
      r_.victim_holds(arena::object_a);
    } else if (is_contended(r_.op())) {
      holder_ = &r_.st().enter();
      r_.acquire(*holder_, subject_call::lock, arena::object_a);
    }
    // In lock-contended the victim sleeps first, so that it is the victim whom the holder's unlock wakes.
    if (is_contended(r_.op()) && r_.op() != operation::lock_contended) waiter_arrives();
  }

  void cue() override {
    if (!arrived_) waiter_arrives();
    holder_leaves();
    if (waiter_->in_call()) r_.await(*waiter_, arena::object_a);
    r_.release(*waiter_, arena::object_a);
  }

  void at_kill_point() override {
    if (!arrived_ && !second_is_under_way()) waiter_arrives();
  }

  void aftermath() override {
    holder_leaves();
    if (waiter_->in_call()) {
      if (!r_.must_be_served(*waiter_, arena::object_a)) return;
    } else {
      r_.release(*waiter_, arena::object_a);
    }
    r_.obtain(r_.witness(), arena::object_a);
  }

  actor* second() override {
    if (holder_ != nullptr) return holder_;
    return r_.op() == operation::unlock_contended ? nullptr : waiter_;
  }

 private:
  void waiter_arrives() {
    arrived_ = true;
    if (!waiter_->in_call()) r_.acquire(*waiter_, subject_call::lock, arena::object_a);
  }

  void holder_leaves() {
    if (holder_ == nullptr) return;
    if (holder_->in_call()) {
      holder_->finish(); // stopped on its way through unlock
      r_.left(*holder_, arena::object_a);
    }
    r_.release(*holder_, arena::object_a);
  }

  actor* waiter_ = nullptr;
  actor* holder_ = nullptr;
  bool arrived_ = false;
};

class waiter_asleep final : public scenario {
 public:
  std::string_view name() const override { return "waiter-asleep"; }
  std::string_view summary() const override {
    return "another process sleeps on the lock, or is on its way to, when the victim is killed";
  }
  std::string_view promise() const override {
    return "the waiter gets the lock, whatever the kill point, and after it everybody else";
  }
  std::vector<premise> premises(operation) const override { return {premise::somebody_waited}; }
  std::optional<subject_call> second_call(operation op) const override {
    switch (op) {
    case operation::unlock_contended:
      return std::nullopt; // the waiter sleeps already
    case operation::lock_contended:
    case operation::trylock_contended:
      return subject_call::unlock; // the holder's
    default:
      return subject_call::lock; // the waiter's
    }
  }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<waiter_and_holder>(r);
  }
};

} // namespace

const scenario& waiter_asleep_scenario() {
  static const waiter_asleep instance;
  return instance;
}

} // namespace heirlock::lab
