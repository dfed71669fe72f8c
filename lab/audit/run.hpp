// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "lab/actor/stage.hpp"
#include "lab/audit/operation.hpp"
#include "lab/audit/verdict.hpp"

namespace heirlock::lab {

// What happened in runs, so that a verdict "ok" can be seen not to be an empty one.
struct run_facts {
  unsigned runs = 0;        // with the victim killed, and with it going on; without the spoilt ones
  unsigned killed = 0;      // those of them in which the victim was killed at its kill point
  unsigned spoilt = 0;      // by others, before the victim acted: they say nothing
  unsigned slept = 0;       // runs in which somebody waited for the lock
  unsigned died_owning = 0; // runs in which the victim owned the lock when it was killed
  unsigned told = 0;        // reports of an owner's death that survivors received
  unsigned reused = 0;      // runs in which the lock's memory was reused before the kill
  unsigned held_up = 0; // runs in which a destroy or a mapping call waited for the stopped victim

  unsigned reaped =
      0; // runs in which the OOM reaper took the victim's private memory before its robust list was walked
  unsigned heads_reaped = 0; // those of them in which the list's head was in it
  unsigned id_again = 0;     // runs in which a later thread got the dead victim's TID

  unsigned passed_over =
      0; // runs in which a newcomer got the lock before the woken victim, and another slept on

  unsigned calls_held = 0;   // mapping calls that the kernel policy had wait
  unsigned calls_let_go = 0; // those of them that went on later

  run_facts& operator+=(const run_facts& other);
};

// How the victim dies at its kill point.
enum class ending {
  process_killed,    // SIGKILL
  killed_for_memory, // SIGKILL of the OOM killer, and the reaper
  thread_exits, // its thread alone ends where it stands, or behind its operation when it goes on; its process lives
};

struct finding {
  verdict what = verdict::ok;
  std::string note;
  std::string before;
  std::string after;
  // Corrupted memory: the victim is dead, and what was written is what the kernel's exit walk writes for it, and nothing
  // else. If not, something other than the kernel wrote it.
  bool by_exit_walk = false;
};

// One run: the victim, its survivors, and a ledger of what users of the lock may rely on. Scenarios act
// through it, so that each acquisition is checked against all that is known at that moment.
class scenario;

class run {
 public:
  run(stage& st, const scenario& what, operation op, std::uint32_t fill_bits);

  stage& st() { return stage_; }
  operation op() const { return op_; }
  actor& victim() { return *victim_; }
  actor& sibling() { return *sibling_; } // of the victim, where the scenario has one
  actor& witness() { return *witness_; } // a process of its own, idle between calls
  // The word that reused memory is filled with: the victim's TID twice, with or without FUTEX_WAITERS.
  std::uint64_t fill_word() const { return fill_word_of(*victim_); }
  std::uint64_t fill_word_of(const actor& a) const; // the same with another's TID

  void init(actor& by, std::uint64_t lock);

  // Lock or trylock by a survivor. `waits()` is no error here.
  call_end acquire(actor& by, subject_call how, std::uint64_t lock);
  // Looks again at a survivor that was left waiting in a call of acquire, or starts one begun by hand.
  call_end await(actor& by, std::uint64_t lock);
  // A survivor that acquired the lock leaves it: consistent first, if it was told of a death.
  void release(actor& by, std::uint64_t lock);
  // An unlock that the scenario drove by hand has ended.
  void left(actor& by, std::uint64_t lock);
  // False: it has not come to its end, because it waits for the stopped victim, which is no violation, or failed.
  bool destroy(actor& by, std::uint64_t lock);
  // The victim is dead or has left its operation: the destroy, which may be waiting since then, must end.
  bool must_destroy(actor& by, std::uint64_t lock);
  // One actor waits for the end of another's thread; both are of one process. False: it never comes.
  bool join(actor& by, const actor& ended);
  // The owner, no victim, dies before the victim begins: whoever comes next is rightly told.
  void owner_dies(actor& owner);
  // The victim takes the lock before the operation in which it is killed.
  void victim_holds(std::uint64_t lock);

  // After the kill: the actor must get the lock and can leave it again.
  bool obtain(actor& by, std::uint64_t lock);
  // The same for one that has been waiting.
  bool must_be_served(actor& by, std::uint64_t lock);
  bool holds(const actor& by, std::uint64_t lock) const;

  // To be called at the kill, in this order.
  void victim_begins(std::uint64_t lock);
  void note_kill_point();
  void victim_dies();
  // Instead of the kill: the victim ends its operation, and then leaves the lock again if it got it, or lets its thread
  // end while it holds it. `cue` is called when it waits for others.
  void victim_goes_on(const std::function<void()>& cue);

  // Whether the victim died while it owned the lock; nullopt when the lock does not say who owns it.
  std::optional<bool> died_owning() const;
  unsigned told() const { return facts_.told; }

  // The first violation of a run is the one that counts: later ones follow from it.
  void fail(verdict what, std::string note);
  void fail(verdict what, std::string note, std::uint64_t before, std::uint64_t after);
  // Compares what the survivors left in reused memory with what is there now.
  void expect_unchanged(std::span<const std::uint64_t> before, std::span<const std::uint64_t> after,
                        const char* what);

  // A part of the run was modelled, so that it cannot show more than that.
  bool failed() const { return finding_.what != verdict::ok; }
  finding result() const {
    if (finding_.what == verdict::ok && modelled_) return {verdict::modelled, {}, {}, {}};
    return finding_;
  }
  run_facts& facts() { return facts_; }

 private:
  std::optional<pid_t> owner_of(std::uint64_t lock);
  bool note_destroyed(const call_end& end);
  void note_death();
  call_end note_end(actor& by, std::uint64_t lock, call_end end);
  void judge_waiter(const actor& by, std::uint64_t lock, call_end end);
  // The victim may be one of those who go on.
  const char* who(const actor& by) const { return &by == victim_ ? "the victim" : "a survivor"; }
  bool is_held_by_another(std::uint64_t lock) const;
  void note_reaping(const reaping& done);
  bool is_exit_walk(std::span<const std::uint64_t> before,
                    std::span<const std::uint64_t> after) const;
  bool is_victim_id(pid_t id) const { return id == victim_->id().value; }

  struct holding {
    actor* by = nullptr;
    bool told = false;
  };

  stage& stage_;
  const ending ending_;
  const bool waits_out_timeouts_;
  bool modelled_ = false;
  operation op_;
  std::uint32_t fill_bits_;
  actor* witness_;
  actor* sibling_;
  actor* victim_;
  std::map<std::uint64_t, holding> holders_;
  bool victim_dead_ = false;
  bool owner_dead_ = false;
  std::optional<bool> victim_owned_;
  std::uint64_t word_at_kill_ = 0;
  finding finding_;
  run_facts facts_;
};

} // namespace heirlock::lab
