// SPDX-License-Identifier: Apache-2.0
//
// A thread exits with the lock held; whoever joins it knows by the application's own logic that nobody else will use
// the lock, and frees its memory. The lock is never destroyed, so nothing that a destroy does can help. Two ways for the
// kernel to come back to that memory:
//
//   lock, trylock   the victim itself is the thread that exits and is joined. What is left behind by it, or by the
//                   joiner, who has tried the lock before, shows when the process dies in its turn.
//   unlock          the victim has released the lock, or is about to; a sibling takes it, exits with it held, and is
//                   joined. Then the process is killed, with the victim still on its way out of unlock.
#include "lab/scenarios/release_and_reuse.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

class next_owner_is_joined final : public release_and_reuse {
 public:
  explicit next_owner_is_joined(run& r)
      : release_and_reuse(r, taker_lives::in_the_victims_process) {}

 private:
  bool let_go() override {
    r_.left(taker(), arena::object_a);
    r_.st().end_thread(taker());
    return r_.join(r_.sibling(), taker());
  }
  bool destroys() const override { return false; }
  actor& next_user() override { return r_.sibling(); }
};

class victim_is_joined final : public play {
 public:
  using play::play;

  void set_up() override {
    r_.init(r_.sibling(), arena::object_a);
    if (!is_contended(r_.op())) return;
    holder_ = &r_.st().enter();
    r_.acquire(*holder_, subject_call::lock, arena::object_a);
  }

  void cue() override { holder_leaves(); }

  void at_kill_point() override {
    r_.acquire(r_.sibling(), subject_call::trylock, arena::object_a);
    r_.release(r_.sibling(), arena::object_a);
  }

  void aftermath() override {
    holder_leaves();
    if (!r_.join(r_.sibling(), r_.victim())) return;
    mailbox order = {};
    order.command = actor_command::fill;
    order.object = arena::object_a;
    order.size = r_.st().subject_size();
    order.value = r_.fill_word_of(r_.sibling());
    r_.sibling().perform(order);
    r_.facts().reused = 1;
    const auto before = r_.st().snapshot(arena::object_a);
    r_.st().kill(r_.sibling());
    r_.expect_unchanged(before, r_.st().snapshot(arena::object_a), "reused memory of the lock");
  }

 private:
  void holder_leaves() {
    if (holder_ != nullptr) r_.release(*holder_, arena::object_a);
  }

  actor* holder_ = nullptr;
};

class join_then_free final : public scenario {
 public:
  std::string_view name() const override { return "join-then-free"; }
  std::string_view summary() const override {
    return "a thread exits with the lock held, a sibling joins it and reuses the memory, which is "
           "never destroyed; then the process is killed";
  }
  std::string_view promise() const override {
    return "memory that is no longer the lock's does not change";
  }
  std::vector<premise> premises(operation op) const override {
    if (is_release(op)) return {premise::memory_reused};
    return {premise::victim_died_owning, premise::memory_reused};
  }
  ending victim_ends(operation op) const override {
    return is_release(op) ? ending::process_killed : ending::thread_exits;
  }
  bool has_sibling() const override { return true; }
  bool reuses_memory() const override { return true; }
  std::unique_ptr<play> perform(run& r) const override {
    if (is_release(r.op())) return std::make_unique<next_owner_is_joined>(r);
    return std::make_unique<victim_is_joined>(r);
  }
};

} // namespace

const scenario& join_then_free_scenario() {
  static const join_then_free instance;
  return instance;
}

} // namespace heirlock::lab
