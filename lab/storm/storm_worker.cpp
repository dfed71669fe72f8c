// SPDX-License-Identifier: Apache-2.0
//
// heirlock-storm-worker: the program whose processes a storm kills. It needs the C library alone.
//
//   heirlock-storm-worker ARENA_FD ORDERS_FD SUBJECT
//
// 1. The first process maps the arena, finds the lock, prepares it, and waits for orders.
// 2. For each order to start, it forks a worker process (worker.cpp); all end with it, and it with the controller.
//
//   heirlock-storm-worker --leave      ends at once: what a worker becomes by exec
#include <errno.h>
#include <gnu/libc-version.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/storm/worker.hpp"
#include "lab/subjects/loaded_subject.hpp"

namespace heirlock::lab::storm {
namespace {

workplace here = {nullptr, nullptr, nullptr};
pid_t processes[most_processes];

struct thread_start {
  unsigned place, thread;
  std::uint32_t serial;
};

void* thread_main(void* argument) {
  const auto& start = *static_cast<const thread_start*>(argument);
  worker(here, start.place, start.thread, start.serial).run();
  return nullptr; // from the start routine: the same as pthread_exit (POSIX)
}

[[noreturn]] void process_main(const order& o, pid_t first) {
  // A parent that died before this says nothing any more: hence the second look.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != first) _exit(3);
  static thread_start starts[most_threads];
  pthread_t others[most_threads];
  const unsigned threads = here.shared->chosen.threads;
  for (unsigned i = 0; i < threads; ++i)
    starts[i] = {o.place, i, o.serial};
  for (unsigned i = 1; i < threads; ++i)
    if (pthread_create(&others[i], nullptr, thread_main, &starts[i]) != 0) _exit(3);
  thread_main(&starts[0]);
  for (unsigned i = 1; i < threads; ++i)
    pthread_join(others[i], nullptr);
  _exit(0);
}

int wait_for(pid_t pid, int options, int& status) {
  for (;;) {
    const pid_t reaped = waitpid(pid, &status, options);
    if (reaped >= 0 || errno != EINTR) return reaped;
  }
}

answer obey(const order& o) {
  answer a = {};
  pid_t& pid = processes[o.place];
  switch (o.what) {
  case order_kind::start: {
    const pid_t first = getpid();
    pid = fork();
    if (pid == 0) process_main(o, first);
    a.pid = pid > 0 ? pid : -errno;
    break;
  }
  case order_kind::reap:
    a.pid = wait_for(pid, 0, a.status);
    if (here.hooks != nullptr && here.hooks->doing != nullptr) {
      const char* const doing = here.hooks->doing(o.tid);
      snprintf(a.doing, sizeof a.doing, "%s", doing != nullptr ? doing : "");
    }
    break;
  case order_kind::ended: {
    // Not reaped: its number must stay its own until the controller has done with it.
    siginfo_t info = {};
    waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    a.pid = info.si_pid;
    a.status = info.si_status;
    break;
  }
  case order_kind::read_counters:
    if (here.hooks != nullptr && here.hooks->counters != nullptr) here.hooks->counters(&a.counters);
    break;
  }
  return a;
}

int prepare(const loaded_subject& loaded) {
  const settings& s = here.shared->chosen;
  if (here.hooks != nullptr && here.hooks->prepare != nullptr)
    return here.hooks->prepare(s.processes * s.threads, s.backstop_ms);
  return loaded.prepare != nullptr ? loaded.prepare() : 0;
}

int init_locks() {
  for (guarded& g : here.shared->locks)
    if (const int error = here.subject->init(g.object)) return error;
  return 0;
}

bool set_up(const char* name) {
  arena& a = *here.shared;
  const loaded_subject loaded = load_subject(name);
  snprintf(a.error, sizeof a.error, "%s", loaded.error);
  if (loaded.subject == nullptr) return false;
  here.subject = loaded.subject;
  here.hooks = loaded.storm;
  snprintf(a.subject_name, sizeof a.subject_name, "%s", here.subject->name);
  snprintf(a.subject_policy, sizeof a.subject_policy, "%s", loaded.policy);
  snprintf(a.libc, sizeof a.libc, "glibc %s", gnu_get_libc_version());
  a.has_thread_enter = here.subject->thread_enter != nullptr;
  a.has_timedlock = here.subject->timedlock != nullptr;
  a.has_thread_leave = here.hooks != nullptr && here.hooks->thread_leave != nullptr;
  a.has_counters = here.hooks != nullptr && here.hooks->counters != nullptr;
  a.has_doing = here.hooks != nullptr && here.hooks->doing != nullptr;
  if (const int error = prepare(loaded)) {
    snprintf(a.error, sizeof a.error, "its prepare() failed: %s", strerror(error));
    return false;
  }
  if (const int error = init_locks()) {
    snprintf(a.error, sizeof a.error, "its init() failed: %s", strerror(error));
    return false;
  }
  a.abi = arena_abi;
  return true;
}

void serve(int orders) {
  order o = {};
  while (recv(orders, &o, sizeof o, 0) == static_cast<ssize_t>(sizeof o)) {
    const answer a = obey(o);
    if (send(orders, &a, sizeof a, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof a)) return;
  }
}

} // namespace
} // namespace heirlock::lab::storm

int main(int argc, char** argv) {
  using namespace heirlock::lab::storm;
  if (argc == 2 && strcmp(argv[1], "--leave") == 0) return 0;
  if (argc != 4) {
    fprintf(stderr, "heirlock-storm-worker is started by heirlock, not by hand\n");
    return 2;
  }
  void* const mapped = mmap(nullptr, sizeof(arena), PROT_READ | PROT_WRITE, MAP_SHARED,
                            static_cast<int>(strtol(argv[1], nullptr, 10)), 0);
  if (mapped == MAP_FAILED) return 3;
  here.shared = static_cast<arena*>(mapped);
  const int orders = static_cast<int>(strtol(argv[2], nullptr, 10));
  const answer ready = {};
  if (!set_up(argv[3]) || send(orders, &ready, sizeof ready, MSG_NOSIGNAL) < 0) return 4;
  serve(orders);
  return 0;
}
