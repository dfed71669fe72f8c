// SPDX-License-Identifier: Apache-2.0
//
// heirlock-actor: the program whose processes are stepped and killed. It holds one lock under audit and
// does what the instrument writes into its mailbox. It needs the C library and nothing else, so it can
// run on any of them: the instructions that are audited are those of the library it was started with.
//
//   heirlock-actor ARENA_FD SCRATCH_FD SUBJECT
//
// 1. The first process maps the arena, finds the subject, tells its markers and waits for orders.
// 2. For each actor of a run it forks; each actor announces itself to its lock and waits for orders.
// 3. Actors are killed; the only ones that end by themselves are threads that are ordered to.
#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lab/actor/arena.hpp"
#include "lab/actor/marked_call.hpp"
#include "lab/subjects/loaded_subject.hpp"
#include "lab/subjects/subject.h"

namespace heirlock::lab {
namespace {

int scratch_fd = -1;
const heirlock_subject* subject = nullptr;
const heirlock_subject* guest = nullptr;
const char* subject_policy = "";
int (*subject_prepare)() = nullptr;
int (*subject_prepare_with_backstop)() = nullptr;
pthread_t spawned[max_actors]; // of this process, by the number of the actor

arena_control& control() {
  return *reinterpret_cast<arena_control*>(arena::control);
}

void* object_at(std::uint64_t address) {
  return reinterpret_cast<void*>(address);
}

const void* entry_of(const heirlock_subject* of, subject_call operation) {
  switch (operation) {
  case subject_call::init:
    return reinterpret_cast<const void*>(of->init);
  case subject_call::lock:
    return reinterpret_cast<const void*>(of->lock);
  case subject_call::trylock:
    return reinterpret_cast<const void*>(of->trylock);
  case subject_call::timedlock:
    return reinterpret_cast<const void*>(of->timedlock);
  case subject_call::unlock:
    return reinterpret_cast<const void*>(of->unlock);
  case subject_call::consistent:
    return reinterpret_cast<const void*>(of->consistent);
  case subject_call::destroy:
    return reinterpret_cast<const void*>(of->destroy);
  case subject_call::owner:
    return reinterpret_cast<const void*>(of->owner);
  }
  return nullptr;
}

std::int64_t run_call(const mailbox& box) {
  const heirlock_subject* const of = box.object == arena::guest ? guest : subject;
  const void* const entry = of != nullptr ? entry_of(of, box.operation) : nullptr;
  if (entry == nullptr) return ENOSYS;
  // Far enough that it never passes while the instrument has somebody stopped.
  timespec deadline = {};
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += 100'000;
  return heirlock_marked_call(entry, object_at(box.object), &deadline);
}

// The allocator of an application, as far as a released lock can tell: its memory holds something else.
void fill(std::uint64_t address, std::uint32_t size, std::uint64_t value) {
  auto* const words = static_cast<volatile std::uint64_t*>(object_at(address));
  for (std::uint32_t i = 0; i < size / sizeof *words; ++i)
    words[i] = value;
}

std::int64_t unmap(const mailbox& box) {
  const auto unmap = subject->munmap != nullptr ? subject->munmap : munmap;
  return unmap(object_at(box.object), box.size) == 0 ? 0 : errno;
}

std::int64_t map_file(const mailbox& box) {
  void* const where = object_at(box.object);
  const auto map = subject->mmap != nullptr ? subject->mmap : mmap;
  if (const std::int64_t error = unmap(box)) return error;
  void* const mapped =
      map(where, box.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, scratch_fd, 0);
  return mapped == where ? 0 : errno;
}

// A survivor (that holds `object` if box.count says so) learns from `other` that its owner died, and by its
// own logic is then the last user of `object`: it takes it, destroys it, and reuses the memory at once,
// while the kernel may still be at work on the dead thread's list. 0 = done; otherwise the errno value of
// the call that went wrong, EPROTO when `other` could be locked without a report.
std::int64_t watch_and_reuse(const mailbox& box) {
  void* const object = object_at(box.object);
  const int seen = subject->lock(object_at(box.other));
  if (seen != EOWNERDEAD) return seen == 0 ? EPROTO : seen;
  if (box.count != 0) {
    if (const int error = subject->unlock(object)) return error;
  }
  int taken = subject->lock(object);
  if (taken == EOWNERDEAD && subject->consistent != nullptr) taken = subject->consistent(object);
  if (taken != 0) return taken;
  if (const int error = subject->unlock(object)) return error;
  if (subject->destroy != nullptr) {
    if (const int error = subject->destroy(object)) return error;
  }
  fill(box.object, box.size, box.value);
  return 0;
}

void* crowd_member(const mailbox& box, std::uint32_t index) {
  return object_at(box.object + std::uint64_t{index} * box.size);
}

std::int64_t for_crowd(const mailbox& box, int (*operation)(void*)) {
  for (std::uint32_t i = 0; i < box.count; ++i)
    if (const int error = operation(crowd_member(box, i))) return error;
  return 0;
}

// The owner of them all is dead. Takes each that can be had without waiting, repairs it where a death is reported, and
// leaves it. The result is how many deaths were reported; the errno value of a call that went wrong, negative.
std::int64_t inherit_crowd(const mailbox& box) {
  std::int64_t told = 0;
  for (std::uint32_t i = 0; i < box.count; ++i) {
    void* const lock = crowd_member(box, i);
    const int taken = subject->trylock(lock);
    if (taken == EBUSY) continue;
    int error = taken == EOWNERDEAD ? 0 : taken;
    told += taken == EOWNERDEAD;
    if (taken == EOWNERDEAD && subject->consistent != nullptr) error = subject->consistent(lock);
    if (error == 0) error = subject->unlock(lock);
    if (error != 0) return -error;
  }
  return told;
}

// The owner of them all is dead. How many of them this thread, which never locked any, can lock without being told of the
// death, or unlock.
std::int64_t usurp_crowd(const mailbox& box) {
  std::int64_t usurped = 0;
  for (std::uint32_t i = 0; i < box.count; ++i) {
    void* const lock = crowd_member(box, i);
    const int taken = subject->trylock(lock);
    if (taken == EOWNERDEAD && subject->consistent != nullptr) subject->consistent(lock);
    const bool may_unlock = taken == 0 || taken == EOWNERDEAD || subject->refuses_others != 0;
    const bool unlocked = may_unlock && subject->unlock(lock) == 0;
    usurped += taken != EOWNERDEAD && (taken == 0 || unlocked);
  }
  return usurped;
}

std::int64_t map_private(const mailbox& box) {
  void* const where = object_at(box.object);
  void* const mapped = mmap(where, box.size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  return mapped == where ? 0 : errno;
}

// Until it is killed. The memory is that of a file, so that this process itself looks small to the OOM killer; and it
// ends by itself where, against all expectation, nothing limits it.
std::int64_t use_up_memory() {
  constexpr off_t far_too_much = off_t{256} << 20;
  const int file = memfd_create("heirlock-used-up", MFD_CLOEXEC);
  if (file < 0) return errno;
  while (fallocate(file, 0, 0, far_too_much) != 0)
    if (errno != ENOMEM && errno != ENOSPC && errno != EINTR) return errno;
  return EFBIG;
}

int prepare_subject() {
  const bool other = control().with_backstop != 0 && subject_prepare_with_backstop != nullptr;
  const auto prepare = other ? subject_prepare_with_backstop : subject_prepare;
  return prepare != nullptr ? prepare() : 0;
}

std::int64_t load_guest() {
  const loaded_subject loaded = load_subject(control().guest_library);
  guest = loaded.subject;
  if (guest == nullptr) return ELIBACC;
  return loaded.prepare != nullptr ? loaded.prepare() : 0;
}

void* actor_thread(void* box_number);

std::int64_t spawn(std::uint64_t box_number) {
  return pthread_create(&spawned[box_number], nullptr, actor_thread,
                        reinterpret_cast<void*>(box_number));
}

void serve(std::uint64_t box_number) {
  mailbox& box = control().boxes[box_number];
  for (;;) {
    heirlock_idle_marker();
    switch (box.command) {
    case actor_command::none:
      break;
    case actor_command::fork_actor: {
      const std::uint64_t number = box.value;
      const pid_t child = fork();
      if (child == 0) {
        actor_thread(reinterpret_cast<void*>(number));
        _exit(0);
      }
      box.result = child > 0 ? 0 : errno;
      break;
    }
    case actor_command::prepare:
      box.result = prepare_subject();
      break;
    case actor_command::spawn_actor:
      box.result = spawn(box.value);
      break;
    case actor_command::call:
      box.result = run_call(box);
      break;
    case actor_command::fill:
      fill(box.object, box.size, box.value);
      box.result = 0;
      break;
    case actor_command::map_file:
      box.result = map_file(box);
      break;
    case actor_command::exit_thread:
      return;
    case actor_command::join_thread:
      box.result = pthread_join(spawned[box.value], nullptr);
      break;
    case actor_command::watch_reuse:
      box.result = watch_and_reuse(box);
      break;
    case actor_command::unmap:
      box.result = unmap(box);
      break;
    case actor_command::init_crowd:
      box.result = for_crowd(box, subject->init);
      break;
    case actor_command::hold_crowd:
      box.result = for_crowd(box, subject->lock);
      break;
    case actor_command::inherit_crowd:
      box.result = inherit_crowd(box);
      break;
    case actor_command::map_private:
      box.result = map_private(box);
      break;
    case actor_command::use_up_memory:
      box.result = use_up_memory();
      break;
    case actor_command::usurp_crowd:
      box.result = usurp_crowd(box);
      break;
    case actor_command::load_guest:
      box.result = load_guest();
      break;
    }
  }
}

void* actor_thread(void* box_number) {
  const auto number = reinterpret_cast<std::uint64_t>(box_number);
  std::int64_t& result = control().boxes[number].result;
  if (subject->thread_enter != nullptr) result = subject->thread_enter();
  if (result == 0 && control().guest_is_there != 0 && guest->thread_enter != nullptr)
    result = guest->thread_enter();
  serve(number);
  return nullptr; // from the start routine: the same as pthread_exit (POSIX)
}

void on_nudge(int) {}
void on_interruption(int) {
  heirlock_handler_marker();
}

void install_handlers() {
  struct sigaction action = {};
  sigemptyset(&action.sa_mask);
  action.sa_handler = on_nudge;
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_handler = on_interruption;
  sigaction(SIGUSR2, &action, nullptr);
  action.sa_handler = SIG_IGN; // the kernel reaps dead actors
  sigaction(SIGCHLD, &action, nullptr);
}

const heirlock_subject* find_subject(const char* name) {
  const loaded_subject loaded = load_subject(name);
  subject_policy = loaded.policy;
  subject_prepare = loaded.prepare;
  subject_prepare_with_backstop = loaded.prepare_with_backstop;
  snprintf(control().error, sizeof control().error, "%s", loaded.error);
  return loaded.subject;
}

// -1, which every use of it refuses, when the text is no number.
int descriptor_named(const char* text) {
  char* end = nullptr;
  const long value = strtol(text, &end, 10);
  return *text != '\0' && *end == '\0' ? static_cast<int>(value) : -1;
}

void describe_subject() {
  arena_control& c = control();
  c.subject_size = subject->size;
  c.subject_has_owner = subject->owner != nullptr;
  c.subject_has_timedlock = subject->timedlock != nullptr;
  c.subject_has_consistent = subject->consistent != nullptr;
  c.subject_has_destroy = subject->destroy != nullptr;
  c.subject_has_prepare = subject_prepare != nullptr || subject_prepare_with_backstop != nullptr;
  c.subject_refuses_others = subject->refuses_others != 0;
  snprintf(c.subject_name, sizeof c.subject_name, "%s", subject->name);
  snprintf(c.subject_summary, sizeof c.subject_summary, "%s",
           subject->summary != nullptr ? subject->summary : "");
  snprintf(c.subject_policy, sizeof c.subject_policy, "%s", subject_policy);
  snprintf(c.libc, sizeof c.libc, "glibc %s", gnu_get_libc_version());
  c.markers = {reinterpret_cast<std::uint64_t>(heirlock_idle_marker),
               reinterpret_cast<std::uint64_t>(heirlock_before_call),
               reinterpret_cast<std::uint64_t>(heirlock_first_instruction),
               reinterpret_cast<std::uint64_t>(heirlock_after_call),
               reinterpret_cast<std::uint64_t>(heirlock_handler_marker),
               reinterpret_cast<std::uint64_t>(heirlock_thread_end)};
  c.abi = arena::abi;
}

} // namespace
} // namespace heirlock::lab

int main(int argc, char** argv) {
  using namespace heirlock::lab;
  if (argc != 4) {
    fprintf(stderr, "heirlock-actor is started by heirlock, not by hand\n");
    return 2;
  }
  void* const where = reinterpret_cast<void*>(arena::base);
  void* const mapped = mmap(where, arena::size, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_FIXED_NOREPLACE, descriptor_named(argv[1]), 0);
  if (mapped != where) return 3;
  scratch_fd = descriptor_named(argv[2]);
  subject = find_subject(argv[3]);
  if (subject != nullptr) describe_subject();
  if (subject == nullptr) return 4;
  if (const int error = prepare_subject()) {
    snprintf(control().error, sizeof control().error, "its prepare() failed: %s", strerror(error));
    return 5;
  }
  install_handlers();
  serve(0);
  return 0;
}
