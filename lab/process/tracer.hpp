// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lab/process/tracee.hpp"

namespace heirlock::lab {

// What to start, and how.
struct launch_request {
  std::vector<std::string> command;  // command[0] is a path
  std::vector<int> kept_descriptors; // stay open in the new process; all others close at exec
  int output_descriptor = -1;        // becomes its standard output and error; -1: it keeps ours
};

// Called with a thread stopped in PTRACE_EVENT_EXIT: it is dying, its registers and memory are intact,
// and the kernel has not walked its robust list yet.
using exit_hook = thread_hook;

// Owns processes that are traced from their first instruction, their forked children and their threads.
// Whatever happens (an exception, the end of the tracer, even SIGKILL of the tracer) they end too.
class tracer {
 public:
  // `before_signal` is called with each thread to which a signal is about to be delivered: its registers are
  // those of the interrupted code. `at_system_call` is called at the system calls of those who report them.
  explicit tracer(thread_hook before_signal = {}, delay_hook at_system_call = {})
      : before_signal_(std::move(before_signal)), at_system_call_(std::move(at_system_call)) {}
  tracer(const tracer&) = delete;
  tracer& operator=(const tracer&) = delete;
  ~tracer();

  // Starts a program and stops it at its first instruction, with address randomisation off, no core
  // file, standard input at /dev/null, standard output at standard error, and a process group of its own.
  // Throws trouble with the cause when ptrace is not permitted.
  tracee& launch(const launch_request& request);

  // For a thread stopped at PTRACE_EVENT_FORK, _VFORK or _CLONE: takes over the new process or thread,
  // which is then stopped before its first instruction.
  tracee& adopt(tracee& parent);

  // Whoever is adopted from now on reports its system calls.
  void report_system_calls() { report_system_calls_ = true; }

  // The threads of a process, the first one first.
  std::vector<tracee*> threads_of(thread_id process) const;

  // How a process is killed: it must be dying, or about to, when this returns.
  using killer = std::function<void(thread_id process)>;

  // Kills a process (SIGKILL, unless it is killed otherwise), lets `at_exit` see each of its threads in PTRACE_EVENT_EXIT before any of
  // them goes on, and reaps it: on return the kernel has walked every robust list of it. Its tracees stay known, as gone.
  void kill(thread_id process, const exit_hook& at_exit = {}, const killer& how = {});

  // Kills a process if it is still there, and forgets its tracees: references to them end here.
  void discard(thread_id process);

 private:
  tracee& add(thread_id thread, thread_id process);
  std::vector<tracee*> take_in_unadopted(thread_id process);

  void let_go_on_beside(const tracee& stopped);

  const thread_hook before_signal_;
  const delay_hook at_system_call_;
  const thread_hook let_others_go_on_ = [this](tracee& stopped) { let_go_on_beside(stopped); };
  bool report_system_calls_ = false;
  std::vector<std::unique_ptr<tracee>> tracees_;
};

} // namespace heirlock::lab
