// SPDX-License-Identifier: Apache-2.0
// One run of a program that is not ours, under the tracer.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lab/audit/function_places.hpp"
#include "lab/process/planted_traps.hpp"
#include "lab/process/registers.hpp"
#include "lab/process/tracer.hpp"

namespace heirlock::lab {

// Which call of a program is audited.
struct program_call {
  std::vector<std::string> command; // command[0] is a path
  std::string function;
  unsigned number =
      1; // counted over all threads and processes of the program, from its entry point
  int output_descriptor = -1;
  std::chrono::milliseconds patience{20'000}; // until the call, and for a call that sleeps
};

// How a step of the victim ended.
enum class step_end {
  at_instruction,
  asleep, // inside a system call; it is still under way
  left,   // the thread ended, or its process has become another program
};

// The program from its start until all of its processes are gone. Every thread and forked process is
// traced, and runs freely but for the victim: the thread that made the call. Job control is not
// imitated: a process that stops itself goes on.
class program {
 public:
  program(const program_call& what, function_places& places);
  program(const program&) = delete;
  program& operator=(const program&) = delete;
  ~program(); // ends every process

  enum class arrival { at_call, program_ended, too_late };
  // Runs until the call: the victim then stands at the function's first instruction.
  arrival run_to_call();

  tracee& victim() { return *victim_->thread; }
  unsigned calls_seen() const { return calls_; }
  // How the first process ended.
  const wait_status& first_end() const { return members_.front()->thread->status(); }

  // One instruction of the victim, while everybody else runs.
  step_end step();
  // After `asleep`: waits until the step has ended or the time is over (`asleep` again).
  step_end await_step(std::chrono::milliseconds bound);

  // SIGKILL for the victim's process; on return the kernel has done with it. The others run on.
  void kill_victim();

  // Lets whoever has reported something run on. To be called again and again.
  void serve();
  // serve(), and then a pause that grows with `round`; throws when the user wants to stop.
  void serve_and_rest(unsigned round);
  // Nobody is left who could do something without being woken.
  bool is_at_rest() const;
  bool is_everybody_gone() const;
  // The first survivor that was ended by a signal that tells of a fault, in words.
  std::optional<std::string> crash() const;

 private:
  struct member {
    tracee* thread = nullptr;
    bool in_vfork = false; // may be unable to stop until its child has gone its way
    bool ended = false;    // its end has been seen
  };
  // The program that a process runs.
  struct image {
    remote_address entry;
    std::optional<std::vector<remote_address>> places; // once it stands at its entry point
    planted_traps traps = {}; // where the machine has no hardware breakpoints
  };

  void answer(member& m);
  void answer_signal(member& m, int signal_number);
  void answer_birth(member& m);
  void new_image(member& m);
  void at_entry(member& m);
  void arm(member& m);
  void disarm(member& m);
  bool is_breakpoint(member& m);
  void nobody_counts_any_more();
  void go_past_breakpoint(member& m);
  std::vector<member*> hold_others(const member& m);
  void stop_process(thread_id process);
  std::optional<step_end> interpret_step();

  program_call what_;
  function_places& places_;
  std::map<thread_id, image> images_;
  std::vector<std::unique_ptr<member>> members_;
  member* victim_ = nullptr;
  unsigned calls_ = 0;
  // A breakpoint of the thread's own disturbs nobody. Else everybody is held while one goes past a trap.
  const bool plants_traps_ = !hardware_breakpoints_work();
  bool victim_dead_ = false;
  std::optional<std::string> crash_;
  tracer tracer_; // last: what it owns ends first
};

} // namespace heirlock::lab
