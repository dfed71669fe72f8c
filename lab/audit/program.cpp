// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/program.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "lab/process/interrupt.hpp"
#include "lab/process/mappings.hpp"
#include "lab/process/signals_held.hpp"
#include "lab/process/thread_state.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

using clock = std::chrono::steady_clock;

// Others are looked after at least so often while the victim steps quickly.
constexpr unsigned steps_between_looks = 64;
// Looks at a step under way, from one look whether it sleeps to the next.
constexpr unsigned looks_between_sleep_checks = 4;

constexpr std::array fault_signals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};

// The tracee has asked for addresses without chance; it cannot say that it was refused.
bool addresses_differ_from_run_to_run(thread_id process) {
  unsigned long persona = 0;
  if (!(std::ifstream(fmt::format("/proc/{}/personality", process.value)) >> std::hex >> persona))
    return false;
  int chance = 0;
  std::ifstream("/proc/sys/kernel/randomize_va_space") >> chance;
  return chance != 0 && (persona & ADDR_NO_RANDOMIZE) == 0;
}

bool is_birth(const wait_status& status) {
  return status.is_event(PTRACE_EVENT_FORK) || status.is_event(PTRACE_EVENT_VFORK) ||
         status.is_event(PTRACE_EVENT_CLONE);
}

} // namespace

program::program(const program_call& what, function_places& places) : what_(what), places_(places) {
  launch_request request;
  request.command = what_.command;
  request.output_descriptor = what_.output_descriptor;
  members_.push_back(std::make_unique<member>());
  members_.front()->thread = &tracer_.launch(request);
  if (addresses_differ_from_run_to_run(members_.front()->thread->process()))
    throw trouble("a program cannot be killed at the same place again, because its addresses are "
                  "another in each run, "
                  "and personality(2), which would end that, is refused (a container with a "
                  "seccomp filter): allow "
                  "it (docker run --security-opt seccomp=unconfined), or start heirlock by setarch "
                  "-R outside of it");
  answer(*members_.front());
}

program::~program() {
  // A process that forks while it is killed leaves a child that nobody has reported; who is stopped
  // first does not. On the way out of an error this fails at once, and the kernel ends such a child
  // when heirlock ends.
  try {
    for (std::size_t i = 0; i < members_.size(); ++i)
      if (!members_[i]->thread->status().is_gone()) stop_process(members_[i]->thread->process());
  } catch (...) { // NOLINT(bugprone-empty-catch)
  }
}

void program::arm(member& m) {
  const auto found = images_.find(m.thread->process());
  if (victim_ != nullptr || found == images_.end()) return;
  const image& its = found->second;
  const std::span<const remote_address> places =
      its.places ? std::span<const remote_address>(*its.places) : std::span(&its.entry, 1);
  if (plants_traps_) {
    found->second.traps.plant(m.thread->process(), places);
  } else if (!set_hardware_breakpoints(m.thread->id(), places)) {
    throw_errno(fmt::format("arming the breakpoint of thread {}", m.thread->id().value));
  }
}

void program::disarm(member& m) {
  if (!plants_traps_) set_hardware_breakpoints(m.thread->id(), {});
}

void program::nobody_counts_any_more() {
  for (const auto& [process, its] : images_)
    its.traps.take_out(process);
}

// Whether the thread, which has got SIGTRAP, has come to a breakpoint: it then stands at the place itself.
bool program::is_breakpoint(member& m) {
  const image& its = images_[m.thread->process()];
  registers now = m.thread->regs();
  if (!plants_traps_)
    return its.places
               ? std::find(its.places->begin(), its.places->end(), now.pc()) != its.places->end()
               : now.pc() == its.entry;
  const remote_address place = trap_address(now);
  if (!its.traps.stood_at(place)) return false;
  now.set_pc(place);
  now.store(m.thread->id());
  return true;
}

// Of all processes: a child of vfork runs on its parent's code. Those who reported something else are left to
// serve(), and those whom vfork holds stand in the kernel.
std::vector<program::member*> program::hold_others(const member& m) {
  std::vector<member*> held;
  for (const auto& other : members_) {
    if (other.get() == &m || other->ended || other->in_vfork || other->thread->poll()) continue;
    other->thread->stop();
    if (other->thread->status().is<event_stop>()) held.push_back(other.get());
  }
  return held;
}

void program::go_past_breakpoint(member& m) {
  if (!plants_traps_) return;
  const thread_id process = m.thread->process();
  const planted_traps& traps = images_[process].traps;
  const std::vector<member*> held = hold_others(m);
  traps.take_out(process);
  {
    // A handler would come between, and return to the trap: the call would count twice.
    const signals_held none(m.thread->id());
    m.thread->resume(resumption::step);
    m.thread->wait();
  }
  if (!m.thread->status().is_gone()) traps.plant_again(process);
  for (member* other : held)
    other->thread->resume(resumption::run);
}

void program::new_image(member& m) {
  images_[m.thread->process()] = {program_entry_of(m.thread->process()), std::nullopt};
  arm(m);
}

// The dynamic loader has mapped what the program needs.
void program::at_entry(member& m) {
  const thread_id process = m.thread->process();
  images_[process].places = places_.in(process);
  // Threads that initialisers have started.
  for (const auto& other : members_) {
    if (other.get() == &m || other->thread->process() != process || other->ended) continue;
    const bool ran = !other->thread->poll();
    other->thread->stop();
    if (other->thread->status().is_stopped()) arm(*other);
    if (ran && other->thread->status().is<event_stop>()) other->thread->resume(resumption::run);
  }
  arm(m);
}

void program::answer_birth(member& m) {
  m.in_vfork = m.thread->status().is_event(PTRACE_EVENT_VFORK);
  auto child = std::make_unique<member>();
  child->thread = &tracer_.adopt(*m.thread);
  const thread_id parent = m.thread->process();
  const thread_id process = child->thread->process();
  if (process != parent) images_[process] = images_[parent];
  members_.push_back(std::move(child));
  member& added = *members_.back();
  if (!added.thread->status().is_stopped()) return;
  arm(added);
  added.thread->resume(resumption::run);
}

void program::answer_signal(member& m, int signal_number) {
  if (signal_number != SIGTRAP || !is_breakpoint(m)) {
    m.thread->resume(resumption::run, signal_number);
    return;
  }
  if (!images_[m.thread->process()].places) {
    at_entry(m);
  } else if (victim_ != nullptr) {
    disarm(m); // nobody counts any more
  } else if (++calls_ == what_.number) {
    victim_ = &m;
    disarm(m);
    nobody_counts_any_more();
    return;
  } else {
    go_past_breakpoint(m);
    if (m.thread->status().is_gone()) return; // serve() sees to it
  }
  m.thread->resume(resumption::run);
}

// The one place where a member that has reported is let go on (but for the victim's steps).
void program::answer(member& m) {
  const wait_status& status = m.thread->status();
  if (status.is_gone()) {
    m.ended = true;
    const auto* const by = status.as<killed>();
    if (victim_dead_ && !crash_ && by != nullptr && m.thread->id() == m.thread->process() &&
        m.thread->process() != victim_->thread->process() &&
        std::find(fault_signals.begin(), fault_signals.end(), by->signal_number) !=
            fault_signals.end())
      crash_ =
          fmt::format("process {} of the program was {}", m.thread->id().value, status.describe());
    return;
  }
  if (const auto* const stop = status.as<signal_stop>()) {
    answer_signal(m, stop->signal_number);
    return;
  }
  if (is_birth(status)) {
    answer_birth(m);
  } else if (status.is_event(PTRACE_EVENT_EXEC)) {
    new_image(m);
  }
  m.thread->resume(resumption::run);
}

void program::serve() {
  for (std::size_t i = 0; i < members_.size(); ++i) { // births make it longer
    member& m = *members_[i];
    if (m.ended || (&m == victim_ && !victim_dead_) || !m.thread->poll()) continue;
    answer(m);
  }
}

void program::serve_and_rest(unsigned round) {
  constexpr unsigned yields = 32;
  constexpr timespec pause = {0, 50'000};
  serve();
  check_interrupt();
  if (round < yields) {
    sched_yield();
  } else {
    nanosleep(&pause, nullptr);
  }
}

bool program::is_everybody_gone() const {
  return std::all_of(members_.begin(), members_.end(), [](const auto& m) { return m->ended; });
}

program::arrival program::run_to_call() {
  const auto deadline = clock::now() + what_.patience;
  for (unsigned round = 0; victim_ == nullptr; ++round) {
    if (is_everybody_gone()) return arrival::program_ended;
    if (clock::now() > deadline) return arrival::too_late;
    serve_and_rest(round);
  }
  return arrival::at_call;
}

std::optional<step_end> program::interpret_step() {
  tracee& thread = victim();
  while (thread.poll()) {
    const wait_status& status = thread.status();
    if (status.is_gone() || status.is_event(PTRACE_EVENT_EXIT) ||
        status.is_event(PTRACE_EVENT_EXEC))
      return step_end::left;
    if (status.is_signal(SIGTRAP)) return step_end::at_instruction;
    const auto* const stop = status.as<signal_stop>();
    const int signal_number = stop != nullptr ? stop->signal_number : 0;
    if (is_birth(status)) answer_birth(*victim_);
    // The signal's handler, or the rest of the system call, belongs to the call's way.
    thread.resume(resumption::step, signal_number);
  }
  return std::nullopt;
}

step_end program::step() {
  static constexpr std::chrono::milliseconds longest_step{20'000};
  victim().resume(resumption::step);
  const auto deadline = clock::now() + longest_step;
  for (unsigned look = 1;; ++look) {
    if (const auto end = interpret_step()) {
      if (look % steps_between_looks == 0) serve();
      return *end;
    }
    if (look % looks_between_sleep_checks == 0 && is_asleep(victim().id())) {
      // It may have reported between the two looks.
      if (const auto end = interpret_step()) return *end;
      return step_end::asleep;
    }
    if (clock::now() > deadline)
      throw trouble(fmt::format("thread {} did not end one instruction within {} ms",
                                victim().id().value, longest_step.count()));
    serve_and_rest(look);
  }
}

step_end program::await_step(std::chrono::milliseconds bound) {
  const auto deadline = clock::now() + bound;
  for (unsigned round = 0;; ++round) {
    if (const auto end = interpret_step()) return *end;
    if (clock::now() > deadline) return step_end::asleep;
    serve_and_rest(round);
  }
}

// Births are answered on the way, so that afterwards nobody of the process is unknown.
void program::stop_process(thread_id process) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    member& m = *members_[i];
    // The victim makes nobody at its kill point; stopping it would break off a sleep.
    if (m.ended || m.in_vfork || &m == victim_ || m.thread->process() != process) continue;
    m.thread->stop();
    if (is_birth(m.thread->status())) {
      answer_birth(m);
      m.thread->resume(resumption::run);
      m.thread->stop();
    }
  }
}

void program::kill_victim() {
  const thread_id process = victim().process();
  stop_process(process);
  tracer_.kill(process);
  for (const auto& m : members_)
    if (m->thread->process() == process) m->ended = true;
  victim_dead_ = true;
}

bool program::is_at_rest() const {
  return std::all_of(members_.begin(), members_.end(),
                     [](const auto& m) { return m->ended || is_asleep(m->thread->id()); });
}

std::optional<std::string> program::crash() const {
  return crash_;
}

} // namespace heirlock::lab
