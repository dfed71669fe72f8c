// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "lab/actor/actor.hpp"
#include "lab/actor/arena.hpp"
#include "lab/actor/scratch_file.hpp"
#include "lab/process/file_descriptor.hpp"
#include "lab/process/memory_cgroup.hpp"
#include "lab/process/robust_list.hpp"
#include "lab/process/tracer.hpp"

namespace heirlock::lab {

class fork_with_chosen_id;

// Called with a thread stopped at its exit whose process's private memory is about to be taken by the OOM reaper. True:
// some of what the kernel will take is kept aside for the thread's exit hook.
using reaping_hook = std::function<bool(tracee&)>;

// Who takes the private memory of a process that the OOM killer has killed.
enum class reaper {
  called,  // the kernel's reaper, called by process_mrelease
  awaited, // the kernel's own OOM reaper, which comes two seconds later; the victim is held up at its exit until the head
           // of its robust list is gone too
  too_late, // nobody, as where the victim is through with its exit by then
};

struct stage_options {
  std::string subject; // a built-in name, or the path of a shared library
  std::filesystem::path actor_program;
  std::filesystem::path libc; // the C library to run the actors on; empty = the machine's
  exit_hook at_exit;          // sees every thread that is killed, before its robust list is walked
  reaping_hook before_reaping;
  reaper memory_reaper = reaper::called;
  // Actors stop where their system calls begin and end. The handles pass over these stops; so one that is woken
  // while nobody looks at it does not run on, and is found where its sleep ended.
  bool hold_the_woken = false;
  // What else of a thread decides, under the rules of at_exit, what becomes of its locks when it dies.
  std::function<exit_state(thread_id)> state_at_exit;
  thread_hook before_signal; // sees every thread to which a signal is about to be delivered
  // Sees the system calls of all actors, and may have them wait.
  delay_hook at_system_call;
};

// System calls that the hook had wait, since the last clear().
struct delayed_calls {
  unsigned held = 0;
  unsigned let_go = 0; // the others ended with their process
};

// What a kill by the OOM killer took along.
struct reaping {
  bool memory = false;     // the victim's private memory
  bool list_head = false;  // the victim's robust list can no longer be read
  bool kept_aside = false; // by the hook, in the place of a kernel that spares it
};

// Where the actor program of this installation is: beside the running program.
std::filesystem::path installed_actor_program();

// The processes and the memory of one run after another. The first process of the actor program stays;
// each run forks its actors from it, so that it starts from the same state. The thread that makes the
// stage must be the one that uses it, and stays on one CPU with its actors while the stage is there:
// a stop and a resumption between two CPUs take four times as long.
class stage {
 public:
  explicit stage(stage_options options);
  ~stage();
  stage(const stage&) = delete;
  stage& operator=(const stage&) = delete;

  const arena_control& about() const { return *control_; }
  // The process from which the actors are forked; its mappings are theirs.
  thread_id first_process() const { return origin_->process(); }

  actor& enter();                // a process of its own
  actor& enter_beside(actor& a); // a thread of the process of `a`
  // A process of its own whose thread id is that of a dead thread. Needs privilege (chosen_id.hpp).
  actor& enter_with_id(thread_id id);

  // For a birth that is watched step by step. An actor was ordered (post) to fork the actor of the next number and
  // stands in PTRACE_EVENT_FORK: takes over its child, which stands before its first instruction.
  unsigned next_number() const { return static_cast<unsigned>(actors_.size()) + 1; }
  actor& adopt_child(actor& parent);
  void run_to_idle(actor& a);

  const delayed_calls& delayed() const { return delayed_; }

  // Everybody who has entered since the last clear(), the dead included.
  std::deque<actor>& everybody() { return actors_; }

  // The thread of an actor that entered beside another one ends by itself; its robust list has been walked when this
  // returns.
  void end_thread(actor& a);
  // The same thread ends where it stands, by the system call and without the C library's doing, as when another thread
  // of its process calls exec. The exit hook sees the registers that it had there.
  void end_thread_here(actor& a);
  // What decides at this moment, besides the memory that others see and the list of set_robust_list(2).
  exit_state state_at_exit(const actor& a) const {
    return options_.state_at_exit ? options_.state_at_exit(a.id()) : exit_state();
  }
  // Kills the process of an actor and reaps it.
  void kill(actor& a);
  // Has the kernel's OOM killer kill it for want of memory, and the kernel's reaper take its private memory before the
  // robust lists of its threads are walked.
  reaping kill_for_memory(actor& a);
  // Clears, if it changes anything.
  void lets_locks_have_timeouts(bool they_have);
  // From the next clear() on another shipped subject of that name lives in the actors beside the one under audit. Empty:
  // none does.
  void has_guest(std::string_view name);
  // Kills every actor and clears the memory of the objects; no work where nobody has entered since the last time.
  void clear();

  std::uint32_t subject_size() const { return control_->subject_size; }
  // The same memory as the actors see, mapped here.
  std::span<const std::uint64_t> words(std::uint64_t address, std::uint64_t bytes) const;
  std::vector<std::uint64_t> snapshot(std::uint64_t address) const;

  // The crowd: room for many locks side by side.
  std::uint64_t crowd_member(std::uint32_t index);
  // An order to an actor about the first `count` of the crowd.
  mailbox crowd_order(actor_command what, std::uint32_t count);
  // All memory in which locks have been since the last clear().
  std::span<const std::uint64_t> used_objects() const {
    return words(arena::object_a, arena::crowd - arena::object_a + crowd_used_ * subject_size());
  }

  scratch_file& scratch() { return scratch_; }

 private:
  actor& add(tracee& thread, unsigned number);
  tracee& order_birth(tracee& parent, mailbox& box, actor_command how, unsigned number);
  // nullptr: the parent is back with an error in its box, or gone.
  tracee* try_birth(tracee& parent, mailbox& box, actor_command how, unsigned number,
                    fork_with_chosen_id* as);
  bool note_delay(tracee& caller);
  void use_up_memory_beside(actor& victim, actor& glutton);
  reaping take_memory_of(tracee& victim);
  void reap_thread(tracee& thread, const std::function<void()>& at_exit);
  void run_to_idle(tracee& thread, const char* who);
  std::int64_t order_first_process(const mailbox& order);
  void start_first_process();
  void restart_first_process();
  void prepare_subject();

  stage_options options_;
  cpu_set_t cpus_before_ = {};
  file_descriptor arena_file_;
  std::byte* memory_ = nullptr;
  arena_control* control_ = nullptr;
  scratch_file scratch_;
  std::optional<memory_cgroup>
      little_memory_; // made at first need; to be removed when all are dead
  delayed_calls delayed_;
  std::set<thread_id> waiting_; // in a system call that the hook has wait
  tracer tracer_{options_.before_signal, options_.at_system_call
                                             ? [this](tracee& caller) { return note_delay(caller); }
                                             : delay_hook()};
  tracee* origin_ = nullptr;
  std::deque<actor> actors_;
  std::uint64_t crowd_used_ = 0; // since the last clear()
  bool backstop_ = false;
  bool is_clear_ = false;
  std::string guest_; // whose library has been loaded
};

} // namespace heirlock::lab
