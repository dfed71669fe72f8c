// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sched.h>
#include <string.h>

#include <chrono>

#include "lab/process/trouble.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

// What a stock kernel does between the report of one lock and the pending operation takes it less than a
// microsecond, and no tracer can stop it there. So the victim dies at the lowest scheduling priority, on
// the survivor's CPU: the report wakes the survivor, which takes the CPU at the kernel's next scheduling
// point, inside the walk. Busy machines do the same to any program, only not every time.
class death_seen_through_another_lock final : public play {
 public:
  using play::play;

  void set_up() override {
    survivor_ = &r_.st().enter();
    be_above_the_lowest_priority();
    r_.init(r_.witness(), arena::object_a);
    r_.init(r_.witness(), arena::object_b);
    r_.victim_holds(arena::object_b);
    if (is_contended(r_.op())) r_.acquire(*survivor_, subject_call::lock, arena::object_a);
  }

  void cue() override { r_.release(*survivor_, arena::object_a); }

  void at_kill_point() override {
    mailbox order = {};
    order.command = actor_command::watch_reuse;
    order.object = arena::object_a;
    order.other = arena::object_b;
    order.value = r_.fill_word();
    order.size = r_.st().subject_size();
    order.count = r_.holds(*survivor_, arena::object_a);
    survivor_->start(order);
    if (survivor_->thread().go_on(std::chrono::milliseconds(5)) == rest::asleep)
      r_.facts().slept = 1;
    const sched_param lowest = {};
    if (sched_setscheduler(r_.victim().id().value, SCHED_IDLE, &lowest) != 0)
      throw_errno("giving a victim the lowest priority");
  }

  void aftermath() override {
    const auto result = survivor_->await(std::chrono::milliseconds(10));
    if (!result) {
      r_.fail(
          survivor_->thread().status().is<signal_stop>() ? verdict::crashed : verdict::owner_lost,
          "a survivor that takes another lock of the victim and then this one waits for ever: it "
          "was not told of the death, or sleeps on this lock and is not woken");
    } else if (*result == 0) {
      r_.facts().reused = 1;
      r_.facts().told += 1;
      const std::vector<std::uint64_t> filled(r_.st().subject_size() / sizeof(std::uint64_t),
                                              r_.fill_word());
      r_.expect_unchanged(filled, r_.st().snapshot(arena::object_a), "reused memory of the lock");
    } else {
      r_.fail(verdict::owner_lost,
              fmt::format("a survivor could not take the lock that the victim was locking: {}",
                          strerrorname_np(static_cast<int>(*result))));
    }
  }

 private:
  // Started at the victim's priority the survivor would only come when the walk is over, and see nothing.
  void be_above_the_lowest_priority() const {
    const pid_t survivor = survivor_->id().value;
    const sched_param usual = {};
    if (sched_getscheduler(survivor) == SCHED_IDLE &&
        sched_setscheduler(survivor, SCHED_OTHER, &usual) != 0)
      throw trouble("killed-while-locking needs a survivor that runs before its victim does, but "
                    "heirlock was started at the lowest priority (SCHED_IDLE), and may not leave "
                    "it: start it without chrt --idle");
  }

  actor* survivor_ = nullptr;
};

class killed_while_locking final : public scenario {
 public:
  std::string_view name() const override { return "killed-while-locking"; }
  std::string_view summary() const override {
    return "the victim holds another lock and is killed inside lock; a survivor learns of the "
           "death from "
           "the other lock, takes this one, destroys it and reuses the memory";
  }
  std::string_view promise() const override {
    return "both locks can be had, and memory that is no longer the lock's does not change";
  }
  std::vector<premise> premises(operation) const override { return {premise::memory_reused}; }
  std::string_view why_not(operation op) const override {
    return is_release(op)
               ? "the victim is killed while it locks; use lock, trylock or their contended forms"
               : std::string_view();
  }
  bool reuses_memory() const override { return true; }
  bool lets_live() const override { return false; } // the survivor waits for the death
  // With other programs on the survivor's CPU the kernel now and then lets the victim finish first: in a few of a
  // hundred runs at a load of eight.
  unsigned tries() const override { return 3; }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<death_seen_through_another_lock>(r);
  }
};

} // namespace

const scenario& killed_while_locking_scenario() {
  static const killed_while_locking instance;
  return instance;
}

} // namespace heirlock::lab
