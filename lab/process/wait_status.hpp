// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>

namespace heirlock::lab {

// What waitpid(2) reported of a tracee, as one of these; see ptrace(2) for when each comes.
struct exited {
  int code;
};
struct killed {
  int signal_number;
};
// A signal is about to be delivered to the tracee.
struct signal_stop {
  int signal_number;
};
// A job-control stop, the answer to PTRACE_INTERRUPT, or the first stop of an attached child or thread.
struct event_stop {
  int signal_number;
};
// Entering or leaving a system call (tracee::report_system_calls).
struct system_call_stop {};
// PTRACE_EVENT_FORK, _CLONE, _EXEC, _EXIT, ...
struct ptrace_event {
  int event;
};
// Still running (nothing to report).
struct running {};

class wait_status {
 public:
  using kind = std::variant<running, exited, killed, signal_stop, event_stop, system_call_stop,
                            ptrace_event>;

  wait_status() = default;
  static wait_status from_raw(int raw);

  template <class T>
  const T* as() const {
    return std::get_if<T>(&kind_);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(kind_);
  }
  bool is_gone() const { return is<exited>() || is<killed>(); }
  bool is_stopped() const { return !is_gone() && !is<running>(); }
  bool is_event(int event) const;
  bool is_signal(int signal_number) const;
  std::string describe() const;

 private:
  kind kind_ = running{};
};

} // namespace heirlock::lab
