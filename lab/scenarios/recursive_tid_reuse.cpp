// SPDX-License-Identifier: Apache-2.0
//
// A thread exits while it holds locks, and is joined. Later the kernel gives its TID to a thread of another process. A
// lock that knows its owner by the TID alone takes that thread for the owner: it may lock again without waiting
// (recursive), is told that it would wait for itself (error-checking), and may unlock what it never locked.
//
// For every victim's death the counter of TIDs would have to come round; here the newcomer's fork asks for the TID.
#include <errno.h>
#include <fmt/format.h>
#include <string.h>

#include <chrono>

#include "lab/process/chosen_id.hpp"
#include "lab/process/trouble.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

// What the victim holds besides, so that a cure has more than one lock to think of. Only looked at where the lock under
// audit is held too: so a window is that lock's own.
constexpr std::uint32_t others_held = 3;

class heir_to_the_number final : public play {
 public:
  using play::play;

  void set_up() override {
    r_.init(r_.witness(), arena::object_a);
    crowd(r_.witness(), actor_command::init_crowd);
    crowd(r_.victim(), actor_command::hold_crowd);
    if (is_release(r_.op())) r_.victim_holds(arena::object_a);
    if (!is_contended(r_.op())) return;
    other_ = &r_.st().enter(); // who holds the lock, or sleeps on it
    r_.acquire(*other_, subject_call::lock, arena::object_a);
  }

  void cue() override { other_moves(); }

  void aftermath() override {
    other_moves();
    if (!r_.join(r_.sibling(), r_.victim())) return;
    newcomer_enters();
    if (r_.died_owning() != true) {
      r_.acquire(*newcomer_, subject_call::trylock, arena::object_a);
      r_.release(*newcomer_, arena::object_a);
      return;
    }
    if (const std::string liberties = liberties_taken(); !liberties.empty())
      r_.fail(verdict::false_owner,
              "a later thread that got the dead owner's TID is taken for the owner: " + liberties);
    else
      try_the_others();
  }

 private:
  void crowd(actor& by, actor_command what) {
    if (const auto error = by.perform(r_.st().crowd_order(what, others_held)); error != 0)
      throw trouble(fmt::format("{} locks could not be made or locked: {}", others_held,
                                strerrorname_np(static_cast<int>(error))));
  }

  void try_the_others() {
    newcomer_->start(r_.st().crowd_order(actor_command::usurp_crowd, others_held));
    const auto usurped = newcomer_->await(std::chrono::milliseconds(10));
    if (usurped == 0) return;
    r_.fail(verdict::false_owner,
            fmt::format("of {} other locks of the dead owner, a later thread that got its TID is "
                        "taken for the owner of {}",
                        others_held, usurped ? std::to_string(*usurped) : "one, and crashes"));
  }

  // A holder leaves the lock to the victim; a sleeper takes it if it can be had, and keeps it.
  void other_moves() {
    if (other_ == nullptr) return;
    if (!is_release(r_.op()))
      r_.release(*other_, arena::object_a);
    else if (other_->in_call())
      r_.await(*other_, arena::object_a);
  }

  void newcomer_enters() {
    newcomer_ = &r_.st().enter_with_id(r_.victim().id());
    r_.facts().id_again = 1;
  }

  // What only the owner could do; empty when the newcomer is treated like everybody else.
  std::string liberties_taken() {
    const call_end locked = newcomer_->call(subject_call::lock, arena::object_a);
    if (locked.returned(EOWNERDEAD)) {
      ++r_.facts().told;
      return {};
    }
    std::string text;
    if (locked.returned(0)) text = "lock does not wait";
    if (locked.returned(EDEADLK)) text = "lock returns EDEADLK";
    if (text.empty()) {
      if (!locked.waits())
        r_.fail(verdict::crashed, fmt::format("a newcomer's lock returned {}", locked.value));
      // It waits, as it must. Whoever comes next with that TID tries the rest.
      r_.facts().slept = 1;
      r_.st().kill(*newcomer_);
      newcomer_enters();
    }
    const auto also = [&](const char* what) {
      text += (text.empty() ? "" : ", ") + std::string(what);
    };
    if (newcomer_->call(subject_call::trylock, arena::object_a).returned(0))
      also("trylock succeeds");
    if (r_.st().about().subject_refuses_others == 0) return text;
    const call_end unlocked = newcomer_->call(subject_call::unlock, arena::object_a);
    if (unlocked.returned(0)) also("unlock succeeds");
    if (unlocked.how == progress::crashed) also("unlock crashes");
    return text;
  }

  actor* other_ = nullptr;
  actor* newcomer_ = nullptr;
};

class recursive_tid_reuse final : public scenario {
 public:
  std::string_view name() const override { return "recursive-tid-reuse"; }
  std::string_view summary() const override {
    return "a thread exits with locks held and is joined; a later thread gets its TID and tries "
           "what only the owner "
           "may";
  }
  std::string_view promise() const override {
    return "the later thread is not taken for the owner: it waits or is told of the death, and "
           "cannot unlock";
  }
  std::vector<premise> premises(operation) const override {
    return {premise::victim_died_owning, premise::tid_given_again};
  }
  std::string why_not_here() const override { return why_ids_cannot_be_chosen(); }
  ending victim_ends(operation) const override { return ending::thread_exits; }
  bool has_sibling() const override { return true; }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<heir_to_the_number>(r);
  }
};

} // namespace

const scenario& recursive_tid_reuse_scenario() {
  static const recursive_tid_reuse instance;
  return instance;
}

} // namespace heirlock::lab
