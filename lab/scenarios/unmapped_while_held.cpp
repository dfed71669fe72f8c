// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>

#include "lab/process/trouble.hpp"
#include "lab/scenarios/held_besides.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

// The victim takes three locks one after the other: one that must be reported, one whose memory its process unmaps,
// and the one of its operation. It is not left alive: a thread that goes on to use a lock that its process has unmapped
// faults by its own doing.
class middle_lock_is_unmapped final : public play {
 public:
  using play::play;

  void set_up() override {
    oldest_ = r_.st().crowd_member(0);
    for (const std::uint64_t lock : {oldest_, arena::object_b, arena::object_a})
      r_.init(r_.witness(), lock);
    r_.victim_holds(oldest_);
    r_.victim_holds(arena::object_b);
    if (is_release(r_.op())) r_.victim_holds(arena::object_a);
  }

  void at_kill_point() override {
    mailbox order = {};
    order.command = actor_command::unmap;
    order.object = arena::object_b;
    order.size = HEIRLOCK_SUBJECT_MAX_SIZE;
    r_.sibling().start(order);
    const auto result = r_.sibling().await(std::chrono::milliseconds(10));
    if (!result) {
      r_.facts().held_up = 1; // it waits for the stopped victim
    } else if (*result != 0) {
      throw trouble(fmt::format("a lock's memory could not be unmapped: {}",
                                std::generic_category().message(static_cast<int>(*result))));
    }
  }

  void aftermath() override { inherit_besides(r_, oldest_); }

 private:
  std::uint64_t oldest_ = 0;
};

class unmapped_while_held final : public scenario {
 public:
  std::string_view name() const override { return "unmapped-while-held"; }
  std::string_view summary() const override {
    return "the victim holds two other locks; a sibling unmaps the memory of the later one, and "
           "the process is killed";
  }
  std::string_view promise() const override {
    return "the death is reported for the locks that are still mapped";
  }
  std::vector<premise> premises(operation) const override { return {premise::death_told}; }
  std::string_view why_not(operation op) const override {
    return is_contended(op) ? counts_what_else_is_held : std::string_view();
  }
  bool has_sibling() const override { return true; }
  bool lets_live() const override { return false; }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<middle_lock_is_unmapped>(r);
  }
};

} // namespace

const scenario& unmapped_while_held_scenario() {
  static const unmapped_while_held instance;
  return instance;
}

} // namespace heirlock::lab
