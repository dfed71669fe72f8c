// SPDX-License-Identifier: Apache-2.0
//
// An unlock wakes one waiter, the victim. Before it has the lock a newcomer barges in, and then the victim dies: the
// wake-up that it was given has died with it, and another waiter sleeps on. A kernel that hands the wake-up on when it
// finds the word free does not find it so. If the newcomer's word does not say that somebody sleeps, its unlock
// wakes nobody.
//
// The newcomer comes in at the kill point, so at every position of the victim between its wake-up and its acquisition.
// One that comes earlier, so that the victim sees it and waits anew, leaves what others see as the newcomer left it: a
// death before the victim has changed that is the death at the position before, and behind it the victim is a waiter like any other.
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

class woken_and_passed_over final : public play {
 public:
  using play::play;

  void set_up() override {
    holder_ = &r_.st().enter();
    sleeper_ = &r_.st().enter();
    newcomer_ = &r_.st().enter();
    r_.init(r_.witness(), arena::object_a);
    r_.acquire(*holder_, subject_call::lock, arena::object_a);
  }

  // The victim sleeps, and a second one behind it; the holder's unlock wakes whom it will.
  void cue() override {
    sleeper_arrives();
    let_go(*holder_);
    let_go(*newcomer_);
    if (sleeper_->in_call()) r_.await(*sleeper_, arena::object_a);
    let_go(*sleeper_);
  }

  void at_kill_point() override {
    sleeper_arrives();
    const bool barged = r_.acquire(*newcomer_, subject_call::trylock, arena::object_a).returned(0);
    r_.facts().passed_over = barged && sleeper_->in_call();
  }

  void aftermath() override {
    let_go(*holder_);
    let_go(*newcomer_);
    if (sleeper_->in_call() && !r_.must_be_served(*sleeper_, arena::object_a)) return;
    let_go(*sleeper_);
    r_.obtain(r_.witness(), arena::object_a);
  }

 private:
  void let_go(actor& whoever) { r_.release(whoever, arena::object_a); }

  void sleeper_arrives() {
    if (arrived_) return;
    arrived_ = true;
    r_.acquire(*sleeper_, subject_call::lock, arena::object_a);
  }

  actor* holder_ = nullptr;
  actor* sleeper_ = nullptr;
  actor* newcomer_ = nullptr;
  bool arrived_ = false;
};

class woken_waiter_killed final : public scenario {
 public:
  std::string_view name() const override { return "woken-waiter-killed"; }
  std::string_view summary() const override {
    return "an unlock wakes the victim, a newcomer takes the lock before it, the victim is killed; "
           "another waiter still sleeps";
  }
  std::string_view promise() const override {
    return "the other waiter gets the lock after the newcomer, and after it everybody else";
  }
  std::vector<premise> premises(operation) const override { return {premise::victim_passed_over}; }
  std::string_view why_not(operation op) const override {
    return op == operation::lock_contended ? std::string_view()
                                           : "the victim is a waiter: use lock-contended";
  }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<woken_and_passed_over>(r);
  }
};

} // namespace

const scenario& woken_waiter_killed_scenario() {
  static const woken_waiter_killed instance;
  return instance;
}

} // namespace heirlock::lab
