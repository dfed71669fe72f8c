// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <chrono>

#include "lab/actor/actor.hpp"
#include "lab/process/thread_state.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// No operation of a lock comes near this when it does not wait.
constexpr std::chrono::milliseconds spin_bound{2};

// How long a sleep that is not known to be without end has to last to be taken for it. The kernel lets go of what a dead
// process had as soon as it can; only somebody who reads of that process in /proc, and gets no CPU, stands in between.
constexpr std::chrono::seconds longest_letting_go{2};

bool is_crash(int signal_number) {
  return signal_number == SIGSEGV || signal_number == SIGBUS || signal_number == SIGILL ||
         signal_number == SIGFPE || signal_number == SIGABRT || signal_number == SIGSYS;
}

} // namespace

void actor::order(const mailbox& order) {
  *box_ = order;
  thread_->resume(resumption::run);
}

void actor::start(const mailbox& order) {
  this->order(order);
}

std::optional<std::int64_t> actor::await(std::chrono::nanoseconds cpu_bound) {
  for (;;) {
    if (thread_->settle(cpu_bound) != rest::stopped) return std::nullopt;
    const auto* const stop = thread_->status().as<signal_stop>();
    if (stop != nullptr && stop->signal_number == SIGTRAP &&
        trap_address(thread_->regs()).value == markers_->idle)
      return box_->result;
    if (stop != nullptr && is_crash(stop->signal_number)) return std::nullopt;
    if (thread_->must_wait()) return std::nullopt;
    thread_->resume(resumption::run,
                    stop != nullptr && stop->signal_number != SIGTRAP ? stop->signal_number : 0);
  }
}

std::int64_t actor::perform(const mailbox& order) {
  const auto deadline = std::chrono::steady_clock::now() + longest_letting_go;
  start(order);
  auto result = await(std::chrono::seconds(5));
  while (!result && thread_->wakes_by(deadline))
    result = await(std::chrono::seconds(5));
  if (!result)
    throw trouble(fmt::format("actor {} did not carry out order {}: {}", number_,
                              static_cast<unsigned>(order.command), thread_->status().describe()));
  return *result;
}

void actor::begin(subject_call operation, std::uint64_t object) {
  mailbox call = {};
  call.command = actor_command::call;
  call.operation = operation;
  call.object = object;
  order(call);
  thread_->wait();
  if (!thread_->status().is_signal(SIGTRAP) ||
      trap_address(thread_->regs()).value != markers_->before_call)
    throw trouble(fmt::format("actor {} did not reach the operation: {}", number_,
                              thread_->status().describe()));
  in_call_ = true;
}

// What the present stop means; nullopt for one that is not ours to interpret and was resumed from.
std::optional<progress> actor::interpret_stop(std::optional<remote_address> stop_before) {
  const wait_status& status = thread_->status();
  if (const auto* const stop = status.as<signal_stop>();
      stop != nullptr && stop->signal_number == SIGTRAP) {
    const registers now = thread_->regs();
    if (now.pc().value == markers_->after_call) return progress::returned;
    if (trap_address(now).value == markers_->after_call) return progress::returned;
    if (trap_address(now).value == markers_->in_handler) return progress::in_handler;
    if (stop_before && now.pc() == *stop_before) return progress::at_instruction;
    if (trap_address(now).value == markers_->idle)
      throw trouble(fmt::format("actor {} left its operation unseen", number_));
    return std::nullopt;
  }
  if (const auto* const stop = status.as<signal_stop>();
      stop != nullptr && is_crash(stop->signal_number))
    return progress::crashed;
  return std::nullopt;
}

progress actor::follow(resumption how, std::optional<remote_address> stop_before, unsigned n) {
  for (;;) {
    switch (thread_->settle(spin_bound)) {
    case rest::asleep:
      return progress::asleep;
    case rest::spinning:
      return progress::spinning;
    case rest::gone:
      return progress::gone;
    case rest::stopped:
      break;
    }
    const auto meaning = interpret_stop(stop_before);
    if (meaning == progress::at_instruction && --n > 0) {
      thread_->resume(how);
      continue;
    }
    if (meaning) return *meaning;
    if (thread_->must_wait()) return progress::asleep;
    const auto* const stop = thread_->status().as<signal_stop>();
    if (stop == nullptr || stop->signal_number != SIGTRAP) {
      interrupted_ = stop != nullptr;
      thread_->resume(how, stop != nullptr ? stop->signal_number : 0);
    } else if (how == resumption::step) {
      return progress::at_instruction;
    } else {
      thread_->resume(how);
    }
  }
}

progress actor::step() {
  if (thread_->must_wait()) return progress::asleep;
  if (!thread_->status().is<running>()) {
    interrupted_ = false;
    thread_->resume(resumption::step);
  }
  return follow(resumption::step, std::nullopt, 1);
}

progress actor::look() {
  return follow(resumption::run, std::nullopt, 1);
}

progress actor::run(std::optional<remote_address> stop_before, unsigned n) {
  if (has_returned()) return progress::returned;
  if (thread_->must_wait()) return progress::asleep;
  if (!stop_before) {
    if (!thread_->status().is<running>()) thread_->resume(resumption::run);
    return follow(resumption::run, std::nullopt, n);
  }
  // A sleeping actor must be stopped before a breakpoint can be set: its sleep is interrupted, as by a
  // signal, which a lock has to bear anyway; but kill points are counted on paths without it.
  if (thread_->status().is<running>()) thread_->stop();
  if (!set_hardware_breakpoint(id(), *stop_before)) {
    progress now = progress::at_instruction;
    while (n > 0 && (now = step()) == progress::at_instruction)
      if (thread_->regs().pc() == *stop_before) --n;
    return now;
  }
  thread_->resume(resumption::run);
  const progress now = follow(resumption::run, stop_before, n);
  if (!thread_->status().is<running>() && !thread_->status().is_gone())
    set_hardware_breakpoint(id(), std::nullopt);
  return now;
}

call_end actor::finish() {
  const progress how = run();
  if (how != progress::returned) return {how, 0};
  // Stepped up to the trap behind the call, or already behind it: both lead to the idle marker.
  thread_->resume(resumption::run);
  const auto result = await(std::chrono::seconds(5));
  if (!result)
    throw trouble(
        fmt::format("actor {} did not come back: {}", number_, thread_->status().describe()));
  in_call_ = false;
  return {progress::returned, static_cast<int>(*result)};
}

call_end actor::finish_for_good() {
  const auto deadline = std::chrono::steady_clock::now() + longest_letting_go;
  call_end end = finish();
  while (end.how == progress::asleep && thread_->wakes_by(deadline))
    end = finish();
  return end;
}

call_end actor::call(subject_call operation, std::uint64_t object) {
  begin(operation, object);
  return finish_for_good();
}

// One that was woken meanwhile may have come to the end by itself.
bool actor::has_returned() {
  return thread_->poll() && interpret_stop(std::nullopt) == progress::returned;
}

bool actor::wait_out_a_timeout() {
  const unsigned long slept = sleeps_of(id());
  if (!is_asleep(id()) || !sleeps_with_a_timeout(id())) return thread_->poll();
  const auto bound = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  constexpr timespec moment = {0, 200'000};
  while (sleeps_of(id()) == slept && !thread_->poll()) {
    if (std::chrono::steady_clock::now() > bound)
      throw trouble(fmt::format("actor {} sleeps with a timeout of more than 20 s", number_));
    nanosleep(&moment, nullptr);
  }
  return true;
}

progress actor::nudge() {
  if (has_returned()) return progress::returned;
  const bool stopped = !thread_->status().is<running>();
  if (syscall(SYS_tgkill, thread_->process().value, id().value, SIGUSR1) != 0)
    throw_errno("tgkill");
  // Delivered when it runs on. A stop that only reports a system call (one that was woken is at the end of it) is none in
  // which it was put.
  if (stopped && !thread_->status().is<system_call_stop>()) return progress::at_instruction;
  // Its next report is the signal, or the end of the call; until then the sleep that it ends still shows.
  if (!stopped) thread_->wait();
  return look();
}

progress actor::interrupt() {
  if (syscall(SYS_tgkill, thread_->process().value, id().value, SIGUSR2) != 0)
    throw_errno("tgkill");
  if (!thread_->status().is<running>()) {
    thread_->resume(resumption::run);
  }
  return follow(resumption::run, std::nullopt, 1);
}

} // namespace heirlock::lab
