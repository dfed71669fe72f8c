// SPDX-License-Identifier: Apache-2.0
#include "lab/storm/crew.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lab/process/permitted_calls.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab::storm {
namespace {

constexpr int exec_failed = 127;

[[noreturn]] void become_first(const std::string& program, int arena, int orders,
                               const std::string& subject, pid_t parent) {
  // Ctrl-C is for the controller, which ends all: the workers inherit that nothing reaches them but SIGKILL.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(exec_failed);
  // These two live on through the exec, under other numbers.
  const std::string arena_number = std::to_string(dup(arena));
  const std::string orders_number = std::to_string(dup(orders));
  execl(program.c_str(), "heirlock-storm-worker", arena_number.c_str(), orders_number.c_str(),
        subject.c_str(), static_cast<char*>(nullptr));
  _exit(exec_failed);
}

} // namespace

std::filesystem::path installed_worker_program() {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  for (const auto& candidate : {self.parent_path() / "heirlock-storm-worker",
                                self.parent_path() / "../libexec/heirlock/heirlock-storm-worker"})
    if (std::filesystem::exists(candidate)) return candidate;
  throw trouble(
      fmt::format("heirlock-storm-worker is not beside {}: build or install both", self.string()));
}

crew::crew(const std::string& subject, const settings& chosen) : processes_(chosen.processes) {
  const std::string program = installed_worker_program();
  std::string name = subject;
  if (name.find('/') != std::string::npos) {
    if (!std::filesystem::exists(name)) throw trouble(fmt::format("no such file: {}", name));
    name = std::filesystem::absolute(name); // a bare name would be searched for by dlopen
  }
  const file_descriptor file(memfd_create("heirlock-storm", MFD_CLOEXEC));
  if (!file || ftruncate(file.get(), sizeof(arena)) != 0) throw_errno("memory for the storm");
  void* const mapped =
      mmap(nullptr, sizeof(arena), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) throw_errno("memory for the storm");
  shared_ = static_cast<arena*>(mapped);
  shared_->chosen = chosen;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) throw_errno("socketpair");
  orders_ = file_descriptor(ends[0]);
  file_descriptor theirs(ends[1]);
  require_control_of_children();
  require_robust_lists();
  const pid_t self = getpid();
  first_ = fork();
  if (first_ < 0) throw_errno("fork");
  if (first_ == 0) become_first(program, file.get(), theirs.get(), name, self);
  theirs.reset();
  answer ready = {};
  if (recv(orders_.get(), &ready, sizeof ready, 0) != static_cast<ssize_t>(sizeof ready) ||
      shared_->abi != arena_abi) {
    const std::string why = shared_->error[0] != '\0'
                                ? shared_->error
                                : "its process ended while it loaded or prepared the lock";
    munmap(shared_, sizeof(arena));
    throw trouble(fmt::format("the storm cannot use {}: {}", subject, why));
  }
}

crew::~crew() {
  if (first_ > 0) kill(first_, SIGKILL);
  orphans_.end_all();
  munmap(shared_, sizeof(arena));
}

answer crew::ask(const order& o) {
  answer a = {};
  if (send(orders_.get(), &o, sizeof o, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof o))
    throw trouble("the storm's first process has ended");
  ssize_t got = 0;
  do {
    got = recv(orders_.get(), &a, sizeof a, 0);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof a)) throw trouble("the storm's first process has ended");
  return a;
}

void crew::start(unsigned place) {
  if (++serials_ >= most_serials)
    throw trouble("too many processes for one storm: give a smaller --kills, and another --seed "
                  "for each of several storms");
  const answer a = ask({order_kind::start, place, serials_, 0});
  if (a.pid < 0) {
    errno = -a.pid;
    throw_errno("fork of a worker");
  }
  processes_[place] = {a.pid, serials_};
}

crew::ending crew::end(unsigned place, pid_t asked, bool by_itself) {
  if (!by_itself) kill(processes_[place].pid, SIGKILL);
  const answer a = ask({order_kind::reap, place, 0, asked});
  processes_[place].pid = 0;
  return {a.status, a.doing};
}

bool crew::has_ended(unsigned place) {
  return ask({order_kind::ended, place, 0, 0}).pid != 0;
}

heirlock_storm_counters crew::counters() {
  return ask({order_kind::read_counters, 0, 0, 0}).counters;
}

} // namespace heirlock::lab::storm
