// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/held_besides.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

// A 64-bit process that emulates a 32-bit program: it has locks of its own, on whatever list its C library or its lock keeps,
// and the program that it runs has its locks on a list of 32-bit links.
class emulator_is_killed final : public play {
 public:
  using play::play;

  void set_up() override {
    for (const std::uint64_t lock : {arena::guest, arena::object_a})
      r_.init(r_.witness(), lock);
    r_.victim_holds(arena::guest);
    if (is_release(r_.op())) r_.victim_holds(arena::object_a);
  }

  void aftermath() override { inherit_besides(r_, arena::guest); }
};

class list_32 final : public scenario {
 public:
  std::string_view name() const override { return "list-32"; }
  std::string_view summary() const override {
    return "the victim emulates a 32-bit program, which holds a lock on a list of 32-bit links, "
           "and "
           "is killed in an operation of its own";
  }
  std::string_view promise() const override {
    return "the death is reported for the program's lock, and for the victim's own if it owned it";
  }
  std::vector<premise> premises(operation) const override { return {premise::death_told}; }
  std::string_view why_not(operation op) const override {
    return is_contended(op) ? counts_what_else_is_held : std::string_view();
  }
  std::string_view guest() const override { return name(); }
  std::string_view needs_policy() const override { return "multi-list"; }
  bool lets_live() const override { return false; }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<emulator_is_killed>(r);
  }
};

} // namespace

const scenario& list_32_scenario() {
  static const list_32 instance;
  return instance;
}

} // namespace heirlock::lab
