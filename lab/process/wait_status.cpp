// SPDX-License-Identifier: Apache-2.0
#include "lab/process/wait_status.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

namespace heirlock::lab {
namespace {

template <class... Ts>
struct overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
overloaded(Ts...) -> overloaded<Ts...>;

// PTRACE_O_TRACESYSGOOD marks the stops at system calls, which are no signals.
constexpr int system_call_mark = SIGTRAP | 0x80;

std::string signal_name(int signal_number) {
  const char* name = sigabbrev_np(signal_number);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", signal_number);
}

} // namespace

wait_status wait_status::from_raw(int raw) {
  wait_status status;
  if (WIFEXITED(raw)) {
    status.kind_ = exited{WEXITSTATUS(raw)};
  } else if (WIFSIGNALED(raw)) {
    status.kind_ = killed{WTERMSIG(raw)};
  } else if (WIFSTOPPED(raw)) {
    const int event = raw >> 16;
    if (event == PTRACE_EVENT_STOP) {
      status.kind_ = event_stop{WSTOPSIG(raw)};
    } else if (event != 0) {
      status.kind_ = ptrace_event{event};
    } else if (WSTOPSIG(raw) == system_call_mark) {
      status.kind_ = system_call_stop{};
    } else {
      status.kind_ = signal_stop{WSTOPSIG(raw)};
    }
  }
  return status;
}

bool wait_status::is_event(int event) const {
  const auto* found = as<ptrace_event>();
  return found != nullptr && found->event == event;
}

bool wait_status::is_signal(int signal_number) const {
  const auto* found = as<signal_stop>();
  return found != nullptr && found->signal_number == signal_number;
}

std::string wait_status::describe() const {
  return std::visit(
      overloaded{
          [](running) { return std::string("running"); },
          [](exited e) { return fmt::format("exited with status {}", e.code); },
          [](killed k) { return fmt::format("killed by {}", signal_name(k.signal_number)); },
          [](signal_stop s) { return fmt::format("stopped by {}", signal_name(s.signal_number)); },
          [](event_stop s) { return fmt::format("stopped ({})", signal_name(s.signal_number)); },
          [](system_call_stop) { return std::string("stopped at a system call"); },
          [](ptrace_event e) { return fmt::format("stopped by ptrace event {}", e.event); },
      },
      kind_);
}

} // namespace heirlock::lab
