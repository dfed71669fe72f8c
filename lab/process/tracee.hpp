// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "lab/process/ids.hpp"
#include "lab/process/registers.hpp"
#include "lab/process/wait_status.hpp"

namespace heirlock::lab {

enum class resumption { run, step };

// How a resumed thread came to rest.
enum class rest {
  stopped,  // it reported something: see status()
  asleep,   // it sleeps in a system call; whether anything is still to end that, wakes_by() tells
  spinning, // it used up its CPU time without reporting: it waits actively
  gone,     // it ended
};

class tracee;

// Called with a stopped thread.
using thread_hook = std::function<void(tracee&)>;

// Called with a thread stopped where a system call begins or ends, as often as somebody looks. True: it has to wait there.
using delay_hook = std::function<bool(tracee&)>;

// One traced thread. It belongs to the thread that attached it: ptrace(2) requests from another fail.
// Not copyable; the tracer owns it.
class tracee {
 public:
  // The hooks must outlive the tracee. `before_signal` is called before a signal is delivered to the thread.
  tracee(thread_id thread, thread_id process, const thread_hook& before_signal,
         const delay_hook& at_system_call, const thread_hook& let_others_go_on)
      : thread_(thread), process_(process), before_signal_(&before_signal),
        at_system_call_(&at_system_call), let_others_go_on_(&let_others_go_on) {}
  tracee(const tracee&) = delete;
  tracee& operator=(const tracee&) = delete;

  thread_id id() const { return thread_; }
  thread_id process() const { return process_; }
  const wait_status& status() const { return status_; }

  // The one door by which a stopped thread runs on. `signal_number` is delivered first (0 = none).
  void resume(resumption how, int signal_number = 0);

  // From now on `run` also ends (system_call_stop) where the thread enters or leaves a system call.
  void report_system_calls(bool whether = true) { reports_system_calls_ = whether; }
  bool reports_system_calls() const { return reports_system_calls_; }

  // It is stopped in a system call that has to wait there: it must not be resumed now.
  bool must_wait();

  // Blocks until the thread reports. Throws `interrupted` after Ctrl-C, trouble after `bound`.
  const wait_status& wait(std::chrono::milliseconds bound = std::chrono::seconds(20));

  // Takes a report if there is one, without blocking; true when the thread is not running.
  bool poll();

  // Waits until the running thread reports, sleeps, or has used `cpu_bound` of CPU time. A thread at
  // rest `asleep` or `spinning` is still running in the sense of ptrace(2).
  rest settle(std::chrono::nanoseconds cpu_bound);

  // For a thread at rest `asleep`, when nobody acts any more who could wake it. False: it sleeps for ever. That is plain at
  // once where it sleeps_until_woken(); another sleep has to last until `deadline`.
  bool wakes_by(std::chrono::steady_clock::time_point deadline);

  // After SIGKILL of the process a stopped thread leaves its stop by itself: what it reported is past.
  void abandon_stop() { status_ = wait_status(); }

  // For a moment at which this thread, stopped, is made to do something that others may notice: those of other processes
  // that run come as far as they can.
  void let_others_go_on() { (*let_others_go_on_)(*this); }
  // As settle(), but passes over the stops of one that reports its system calls, except where it has to wait.
  rest go_on(std::chrono::nanoseconds cpu_bound);

  // Stops a thread that runs, sleeps or spins. A sleep in a system call is thereby interrupted.
  void stop();

  registers regs() const { return registers::of(thread_); }

  // For PTRACE_EVENT_FORK and _CLONE: the new thread.
  thread_id event_child() const;

 private:
  bool take_report(int options);

  thread_id thread_;
  thread_id process_;
  const thread_hook* before_signal_;
  const delay_hook* at_system_call_;
  const thread_hook* let_others_go_on_;
  bool reports_system_calls_ = false;
  wait_status status_;
};

} // namespace heirlock::lab
