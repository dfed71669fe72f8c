// SPDX-License-Identifier: Apache-2.0
#include "lab/process/tracee.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "lab/process/interrupt.hpp"
#include "lab/process/spin_judge.hpp"
#include "lab/process/system_call.hpp"
#include "lab/process/thread_state.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

using clock = std::chrono::steady_clock;

void* as_pointer(std::uintptr_t value) {
  return reinterpret_cast<void*>(value);
}

} // namespace

void tracee::resume(resumption how, int signal_number) {
  if (signal_number != 0 && *before_signal_) (*before_signal_)(*this);
  // A step does not stop where a system call begins, so a call that is made here is made before.
  if (how == resumption::step && signal_number == 0 && system_calls::are_made_here() &&
      system_calls::make_at_pc(thread_)) {
    status_ = wait_status::from_raw(W_STOPCODE(SIGTRAP)); // as a step ends
    return;
  }
  const auto run =
      reports_system_calls_ || system_calls::are_made_here() ? PTRACE_SYSCALL : PTRACE_CONT;
  const auto request = how == resumption::step ? PTRACE_SINGLESTEP : run;
  status_ = wait_status();
  if (ptrace(request, thread_.value, nullptr, as_pointer(static_cast<unsigned>(signal_number))) ==
      0)
    return;
  // A killed thread leaves its stop by itself; the report that it ended is then on its way.
  if (errno != ESRCH) throw_errno(fmt::format("resuming thread {}", thread_.value));
}

bool tracee::must_wait() {
  return status_.is<system_call_stop>() && *at_system_call_ && (*at_system_call_)(*this);
}

bool tracee::take_report(int options) {
  int raw = 0;
  const pid_t who = waitpid(thread_.value, &raw, __WALL | options);
  if (who == thread_.value) {
    status_ = wait_status::from_raw(raw);
    if (status_.is<system_call_stop>() && system_calls::are_made_here()) {
      system_calls::make_at_stop(thread_);
      if (!reports_system_calls_) resume(resumption::run);
    }
    return !status_.is<running>();
  }
  if (who < 0 && errno == ECHILD && thread_ != process_) {
    // A thread that calls exec(3) goes on under the number of its process's first thread; its own number
    // ends without a report.
    status_ = wait_status::from_raw(0);
    return true;
  }
  if (who < 0 && errno != EINTR) throw_errno(fmt::format("waiting for thread {}", thread_.value));
  return false;
}

bool tracee::poll() {
  return !status_.is<running>() || take_report(WNOHANG);
}

const wait_status& tracee::wait(std::chrono::milliseconds bound) {
  // Polling with a yield is as fast as blocking when tracer and tracee share a CPU, and keeps the bound.
  // A tracee of lower priority gets the CPU only when nobody polls.
  constexpr unsigned yields = 32;
  constexpr timespec pause = {0, 20'000};
  const auto deadline = clock::now() + bound;
  for (unsigned round = 0; !poll(); ++round) {
    check_interrupt();
    if (clock::now() > deadline)
      throw trouble(
          fmt::format("thread {} did not report within {} ms", thread_.value, bound.count()));
    if (round < yields) {
      sched_yield();
    } else {
      nanosleep(&pause, nullptr);
    }
  }
  return status_;
}

rest tracee::settle(std::chrono::nanoseconds cpu_bound) {
  // Most settle before anybody has to look. On a CPU that others want too, and beside one that never yields, a round
  // takes as long as a turn of theirs; each of the looks that follow comes after such a turn.
  constexpr unsigned rounds_before_a_look = 4;
  spin_judge judge(cpu_bound);
  for (unsigned round = 1;; ++round) {
    if (poll()) return status_.is_gone() ? rest::gone : rest::stopped;
    if (round >= rounds_before_a_look) {
      if (is_asleep(thread_)) {
        // It may have reported between the two looks: a traced stop is not a sleep.
        if (poll()) return status_.is_gone() ? rest::gone : rest::stopped;
        return rest::asleep;
      }
      check_interrupt();
      if (judge.spins(cpu_time(thread_))) return rest::spinning;
    }
    sched_yield();
  }
}

bool tracee::wakes_by(std::chrono::steady_clock::time_point deadline) {
  constexpr timespec pause = {0, 100'000};
  if (!status_.is<running>()) return false;
  const unsigned long slept = sleeps_of(thread_);
  while (!poll() && is_asleep(thread_) && sleeps_of(thread_) == slept) {
    // The thread may have reported, or slept anew, between the looks: then its sleep has ended.
    if (sleeps_until_woken(thread_) || clock::now() > deadline)
      return poll() || !is_asleep(thread_) || sleeps_of(thread_) != slept;
    check_interrupt();
    nanosleep(&pause, nullptr);
  }
  return true;
}

rest tracee::go_on(std::chrono::nanoseconds cpu_bound) {
  for (;;) {
    const rest now = settle(cpu_bound);
    if (now != rest::stopped || !status_.is<system_call_stop>() || must_wait()) return now;
    resume(resumption::run);
  }
}

void tracee::stop() {
  if (poll()) return;
  if (ptrace(PTRACE_INTERRUPT, thread_.value, nullptr, nullptr) != 0 && errno != ESRCH)
    throw_errno(fmt::format("interrupting thread {}", thread_.value));
  wait();
}

thread_id tracee::event_child() const {
  unsigned long message = 0;
  if (ptrace(PTRACE_GETEVENTMSG, thread_.value, nullptr, &message) != 0)
    throw_errno("PTRACE_GETEVENTMSG");
  return {static_cast<pid_t>(message)};
}

} // namespace heirlock::lab
