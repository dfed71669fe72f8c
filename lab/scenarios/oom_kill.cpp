// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "lab/process/memory_cgroup.hpp"
#include "lab/process/trouble.hpp"
#include "lab/scenarios/held_besides.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

// The victim's locks lie in shared memory, the head of its robust list in its own; and so does one lock that it takes
// between the others, so that a list that runs through the locks leads through memory that the reaper takes.
class killed_for_want_of_memory final : public play {
 public:
  using play::play;

  void set_up() override {
    oldest_ = r_.st().crowd_member(0);
    for (const std::uint64_t lock : {oldest_, arena::object_a})
      r_.init(r_.witness(), lock);
    mailbox order = {};
    order.command = actor_command::map_private;
    order.object = arena::own;
    order.size = HEIRLOCK_SUBJECT_MAX_SIZE;
    if (const auto error = r_.victim().perform(order); error != 0)
      throw trouble(fmt::format("memory of the victim's own could not be mapped: {}",
                                std::generic_category().message(static_cast<int>(error))));
    r_.init(r_.victim(), arena::own);
    r_.victim_holds(oldest_);
    r_.victim_holds(arena::own);
    if (is_release(r_.op())) r_.victim_holds(arena::object_a);
  }

  void aftermath() override { inherit_besides(r_, oldest_); }

 private:
  std::uint64_t oldest_ = 0;
};

class oom_kill final : public scenario {
 public:
  std::string_view name() const override { return "oom-kill"; }
  std::string_view summary() const override {
    return "the victim holds another lock, and one in private memory; the OOM killer of a memory "
           "control group kills it, and the kernel's reaper takes its private memory before its "
           "exit";
  }
  std::string_view promise() const override {
    return "the death is reported for the locks in shared memory";
  }
  std::vector<premise> premises(operation) const override { return {premise::memory_reaped}; }
  std::string_view why_not(operation op) const override {
    return is_contended(op) ? counts_what_else_is_held : std::string_view();
  }
  std::string why_not_here() const override {
    static const std::string asked_once = why_no_oom_kill();
    return asked_once;
  }
  ending victim_ends(operation) const override { return ending::killed_for_memory; }
  bool lets_live() const override { return false; }
  bool waits_out_timeouts() const override { return true; }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<killed_for_want_of_memory>(r);
  }
};

} // namespace

const scenario& oom_kill_scenario() {
  static const oom_kill instance;
  return instance;
}

} // namespace heirlock::lab
