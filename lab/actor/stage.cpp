// SPDX-License-Identifier: Apache-2.0
#include "lab/actor/stage.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "lab/process/chosen_id.hpp"
#include "lab/process/interrupt.hpp"
#include "lab/process/permitted_calls.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// Leaves the calling thread on one of its CPUs; returns the set it had.
cpu_set_t stay_on_one_cpu() {
  cpu_set_t before;
  CPU_ZERO(&before);
  if (sched_getaffinity(0, sizeof before, &before) != 0) throw_errno("sched_getaffinity");
  const int now = sched_getcpu();
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(now >= 0 && CPU_ISSET(now, &before) ? now : 0, &one);
  sched_setaffinity(0, sizeof one, &one); // only speed depends on it
  return before;
}

// Where this installation has the subject of that name: as it is built, then as it is installed.
std::string shipped_beside(const std::filesystem::path& actor_program, std::string_view name) {
  const auto programs = actor_program.parent_path();
  for (const auto& directory : {programs / "../subjects", programs / "subjects"}) {
    const auto library = directory / fmt::format("{}.so", name);
    if (std::filesystem::exists(library)) return std::filesystem::canonical(library);
  }
  throw trouble(fmt::format("the subject {} is not beside {}: build or install both", name,
                            actor_program.string()));
}

std::filesystem::path loader_beside(const std::filesystem::path& libc) {
  for (const char* name : {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"})
    if (std::filesystem::exists(libc.parent_path() / name)) return libc.parent_path() / name;
  throw trouble(
      fmt::format("no dynamic loader (ld-linux-*.so) beside {}: give the path of a libc.so.6 "
                  "whose own loader lies in the same directory",
                  libc.string()));
}

} // namespace

std::filesystem::path installed_actor_program() {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  for (const auto& candidate : {self.parent_path() / "heirlock-actor",
                                self.parent_path() / "../libexec/heirlock/heirlock-actor"})
    if (std::filesystem::exists(candidate)) return candidate;
  throw trouble(
      fmt::format("heirlock-actor is not beside {}: build or install both", self.string()));
}

stage::stage(stage_options options)
    : options_(std::move(options)), cpus_before_(stay_on_one_cpu()) {
  arena_file_ = file_descriptor(memfd_create("heirlock-arena", MFD_CLOEXEC));
  if (!arena_file_) throw_errno("memfd_create");
  if (ftruncate(arena_file_.get(), static_cast<off_t>(arena::size)) != 0) throw_errno("ftruncate");
  void* const mapped =
      mmap(nullptr, arena::size, PROT_READ | PROT_WRITE, MAP_SHARED, arena_file_.get(), 0);
  if (mapped == MAP_FAILED) throw_errno("mmap");
  memory_ = static_cast<std::byte*>(mapped);
  control_ = reinterpret_cast<arena_control*>(memory_);
  try {
    require_robust_lists();
    start_first_process();
  } catch (...) {
    munmap(memory_, arena::size);
    sched_setaffinity(0, sizeof cpus_before_, &cpus_before_);
    throw;
  }
}

stage::~stage() {
  munmap(memory_, arena::size);
  sched_setaffinity(0, sizeof cpus_before_, &cpus_before_);
}

void stage::start_first_process() {
  std::string subject = options_.subject;
  if (subject.find('/') != std::string::npos) {
    // The actor's working directory is the same, but a bare name would be searched for by dlopen.
    if (!std::filesystem::exists(subject)) throw trouble(fmt::format("no such file: {}", subject));
    subject = std::filesystem::absolute(subject);
  }
  launch_request request;
  if (!options_.libc.empty()) {
    if (!std::filesystem::exists(options_.libc))
      throw trouble(fmt::format("no such C library: {}", options_.libc.string()));
    const auto libc = std::filesystem::canonical(options_.libc);
    request.command = {loader_beside(libc), "--library-path", libc.parent_path()};
  }
  for (const std::string& word :
       {options_.actor_program.string(), std::to_string(arena_file_.get()),
        std::to_string(scratch_.descriptor()), subject})
    request.command.push_back(word);
  request.kept_descriptors = {arena_file_.get(), scratch_.descriptor()};

  control_->with_backstop = backstop_ ? 1 : 0;
  origin_ = &tracer_.launch(request);
  // To the first idle marker. A library under audit may do anything while it is loaded, also die.
  while (!origin_->status().is_gone() && !origin_->status().is_signal(SIGTRAP)) {
    const auto* const stop = origin_->status().as<signal_stop>();
    origin_->resume(resumption::run, stop != nullptr ? stop->signal_number : 0);
    origin_->wait();
  }
  if (origin_->status().is_gone()) {
    if (control_->error[0] != '\0')
      throw trouble(fmt::format("subject {}: {}", options_.subject, control_->error));
    throw trouble(fmt::format(
        "the actor program did not start{}{}{}: {}",
        subject.find('/') != std::string::npos ? " with the library " + options_.subject : "",
        options_.libc.empty() ? "" : " on ", options_.libc.string(), origin_->status().describe()));
  }
  if (control_->abi != arena::abi)
    throw trouble("heirlock-actor is of another version than heirlock: build or install both");
  if (options_.hold_the_woken || options_.at_system_call) tracer_.report_system_calls();
}

void stage::run_to_idle(tracee& thread, const char* who) {
  while (!thread.status().is_signal(SIGTRAP) ||
         trap_address(thread.regs()).value != control_->markers.idle) {
    if (thread.status().is_gone())
      throw trouble(fmt::format("{} ended early: {}", who, thread.status().describe()));
    const auto* const stop = thread.status().as<signal_stop>();
    thread.resume(resumption::run,
                  stop != nullptr && stop->signal_number != SIGTRAP ? stop->signal_number : 0);
    thread.wait();
  }
}

tracee* stage::try_birth(tracee& parent, mailbox& box, actor_command how, unsigned number,
                         fork_with_chosen_id* as) {
  box = {};
  box.command = how;
  box.value = number;
  control_->boxes[number] = {};
  parent.resume(resumption::run);
  const int event = how == actor_command::fork_actor ? PTRACE_EVENT_FORK : PTRACE_EVENT_CLONE;
  while (!parent.wait().is_event(event) && !parent.status().is_event(PTRACE_EVENT_CLONE)) {
    if (parent.status().is_gone() || parent.status().is_signal(SIGTRAP)) return nullptr;
    if (as != nullptr) as->look();
    parent.resume(resumption::run);
  }
  tracee& child = tracer_.adopt(parent);
  if (as != nullptr) {
    as->look();
    as->see_child(child);
  }
  parent.resume(resumption::run);
  parent.wait();
  run_to_idle(parent, "an actor that made another");
  child.resume(resumption::run);
  child.wait();
  run_to_idle(child, "a new actor");
  if (const auto error = control_->boxes[number].result; error != 0)
    throw trouble(fmt::format("subject {}: thread_enter failed: {}", options_.subject,
                              std::generic_category().message(static_cast<int>(error))));
  return &child;
}

tracee& stage::order_birth(tracee& parent, mailbox& box, actor_command how, unsigned number) {
  tracee* const child = try_birth(parent, box, how, number, nullptr);
  if (child == nullptr)
    throw trouble(fmt::format("an actor could not be made: {}",
                              std::generic_category().message(static_cast<int>(box.result))));
  return *child;
}

actor& stage::add(tracee& thread, unsigned number) {
  is_clear_ = false;
  return actors_.emplace_back(thread, control_->boxes[number], control_->markers, number);
}

actor& stage::adopt_child(actor& parent) {
  const unsigned number = next_number();
  control_->boxes[number] = {};
  return add(tracer_.adopt(parent.thread()), number);
}

void stage::run_to_idle(actor& a) {
  a.thread().resume(resumption::run);
  a.thread().wait();
  run_to_idle(a.thread(), "an actor");
}

actor& stage::enter() {
  const unsigned number = next_number();
  return add(order_birth(*origin_, control_->boxes[0], actor_command::fork_actor, number), number);
}

actor& stage::enter_with_id(thread_id id) {
  // On a busy machine another program may get the id in between; mostly one that soon ends.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  constexpr timespec pause = {0, 1'000'000};
  const unsigned number = next_number();
  mailbox& box = control_->boxes[0];
  for (;;) {
    const remote_address room = {arena::control + offsetof(arena_control, birth_room)};
    fork_with_chosen_id as(*origin_, id, room);
    if (tracee* const child = try_birth(*origin_, box, actor_command::fork_actor, number, &as))
      return add(*child, number);
    if (box.result != EEXIST || std::chrono::steady_clock::now() > deadline)
      throw trouble(fmt::format("a process with the thread id {} could not be made: {}", id.value,
                                std::generic_category().message(static_cast<int>(box.result))));
    check_interrupt();
    nanosleep(&pause, nullptr);
  }
}

actor& stage::enter_beside(actor& a) {
  const unsigned number = next_number();
  mailbox& box = control_->boxes[a.number()];
  return add(order_birth(a.thread(), box, actor_command::spawn_actor, number), number);
}

void stage::end_thread(actor& a) {
  mailbox order = {};
  order.command = actor_command::exit_thread;
  a.start(order);
  reap_thread(a.thread(), [] {});
}

void stage::end_thread_here(actor& a) {
  tracee& thread = a.thread();
  if (thread.status().is<running>()) thread.stop();
  const registers here = thread.regs();
  registers there = here;
  there.set_pc({control_->markers.thread_end});
  there.store(thread.id());
  thread.resume(resumption::run);
  reap_thread(thread, [&] { here.store(thread.id()); });
}

void stage::reap_thread(tracee& thread, const std::function<void()>& at_exit) {
  while (!thread.wait().is_gone()) {
    if (thread.status().is_event(PTRACE_EVENT_EXIT)) {
      at_exit();
      if (options_.at_exit) options_.at_exit(thread);
    }
    const auto* const stop = thread.status().as<signal_stop>();
    thread.resume(resumption::run,
                  stop != nullptr && stop->signal_number != SIGTRAP ? stop->signal_number : 0);
  }
}

void stage::kill(actor& a) {
  tracer_.kill(a.thread().process(), options_.at_exit);
}

void stage::clear() {
  if (is_clear_) return;
  std::vector<thread_id> processes;
  for (actor& a : actors_)
    processes.push_back(a.thread().process());
  std::sort(processes.begin(), processes.end());
  processes.erase(std::unique(processes.begin(), processes.end()), processes.end());
  for (const thread_id process : processes)
    tracer_.discard(process);
  actors_.clear();
  std::memset(memory_ + (arena::object_a - arena::base), 0, used_objects().size_bytes());
  crowd_used_ = 0;
  delayed_ = {};
  waiting_.clear();
  prepare_subject();
  is_clear_ = true;
}

std::int64_t stage::order_first_process(const mailbox& order) {
  control_->boxes[0] = order;
  origin_->resume(resumption::run);
  origin_->wait();
  run_to_idle(*origin_, "the first process");
  return control_->boxes[0].result;
}

// The dead are reaped by now; nobody but the first process is attached to whatever it replaces.
void stage::prepare_subject() {
  if (control_->subject_has_prepare == 0) return;
  mailbox order = {};
  order.command = actor_command::prepare;
  if (const auto error = order_first_process(order); error != 0)
    throw trouble(fmt::format("subject {}: prepare failed: {}", options_.subject,
                              std::generic_category().message(static_cast<int>(error))));
}

// A lock may have forbidden timeouts to its first process, which cannot be undone there.
void stage::lets_locks_have_timeouts(bool they_have) {
  if (they_have == backstop_) return;
  clear();
  is_clear_ = false;
  backstop_ = they_have;
  if (control_->subject_has_prepare != 0) restart_first_process();
}

void stage::restart_first_process() {
  tracer_.discard(origin_->process());
  *control_ = {};
  guest_.clear();
  start_first_process();
}

void stage::has_guest(std::string_view name) {
  is_clear_ = false;
  control_->guest_is_there = name.empty() ? 0 : 1;
  if (name.empty() || guest_ == name) return;
  const std::string library = shipped_beside(options_.actor_program, name);
  *fmt::format_to_n(control_->guest_library, sizeof control_->guest_library - 1, "{}", library)
       .out = '\0';
  mailbox order = {};
  order.command = actor_command::load_guest;
  if (const auto error = order_first_process(order); error != 0)
    throw trouble(fmt::format("the guest {} cannot be loaded: {}", library,
                              std::generic_category().message(static_cast<int>(error))));
  guest_ = name;
}

std::span<const std::uint64_t> stage::words(std::uint64_t address, std::uint64_t bytes) const {
  return {reinterpret_cast<const std::uint64_t*>(memory_ + (address - arena::base)),
          bytes / sizeof(std::uint64_t)};
}

bool stage::note_delay(tracee& caller) {
  const bool waits = options_.at_system_call(caller);
  if (waits)
    delayed_.held += waiting_.insert(caller.id()).second;
  else
    delayed_.let_go += static_cast<unsigned>(waiting_.erase(caller.id()));
  return waits;
}

std::uint64_t stage::crowd_member(std::uint32_t index) {
  crowd_used_ = std::max(crowd_used_, std::uint64_t{index} + 1);
  return arena::crowd + std::uint64_t{index} * subject_size();
}

mailbox stage::crowd_order(actor_command what, std::uint32_t count) {
  crowd_used_ = std::max(crowd_used_, std::uint64_t{count});
  mailbox order = {};
  order.command = what;
  order.object = crowd_member(0);
  order.size = subject_size();
  order.count = count;
  return order;
}

std::vector<std::uint64_t> stage::snapshot(std::uint64_t address) const {
  const auto seen = words(address, subject_size());
  return {seen.begin(), seen.end()};
}

} // namespace heirlock::lab
