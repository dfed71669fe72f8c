// SPDX-License-Identifier: Apache-2.0
#include "lab/process/tracer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/permitted_calls.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

constexpr unsigned long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                                  PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |
                                  PTRACE_O_TRACESYSGOOD;

std::string why_ptrace_is_refused(int error) {
  int scope = -1;
  std::ifstream("/proc/sys/kernel/yama/ptrace_scope") >> scope;
  if (error == EPERM && scope == 3)
    return "Yama forbids ptrace altogether (kernel.yama.ptrace_scope is 3, which only a reboot "
           "undoes)";
  if (error == EPERM && scope == 2)
    return "Yama allows ptrace to privileged processes only (kernel.yama.ptrace_scope is 2): run "
           "as "
           "root, or set it to 1";
  if (error == EPERM)
    return "the system call is refused, as in a container with a seccomp filter: run outside of "
           "it, or "
           "allow ptrace there (docker run --cap-add=SYS_PTRACE --security-opt seccomp=unconfined)";
  if (error == ENOSYS) return "the system call is not there (a seccomp filter, or gVisor)";
  return fmt::format("{}", std::generic_category().message(error));
}

// Between fork and exec only async-signal-safe calls are made.
[[noreturn]] void become(char* const* command, const launch_request& request, int gate) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  char go = 0;
  if (::read(gate, &go, 1) != 1) _exit(127); // the tracer gave up
  // Ctrl-C is for the tracer: were it sent to the tracees too, they would stop where nobody expects it.
  setpgid(0, 0);
  personality(ADDR_NO_RANDOMIZE);
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  const int null = ::open("/dev/null", O_RDONLY);
  if (null >= 0) dup2(null, STDIN_FILENO);
  if (request.output_descriptor >= 0) {
    dup2(request.output_descriptor, STDOUT_FILENO);
    dup2(request.output_descriptor, STDERR_FILENO);
  } else {
    // Standard output is the tracer's: it may be a document, into which no tracee may print.
    dup2(STDERR_FILENO, STDOUT_FILENO);
  }
  for (int descriptor : request.kept_descriptors)
    fcntl(descriptor, F_SETFD, 0);
  // A tracer that ignores or blocks signals must not pass that on.
  sigset_t none_blocked;
  sigemptyset(&none_blocked);
  sigprocmask(SIG_SETMASK, &none_blocked, nullptr);
  execv(command[0], command);
  _exit(errno);
}

// A clone that is not a fork makes a thread, or (as with CLONE_VM alone) a process.
bool is_thread_of(thread_id thread, thread_id process) {
  return std::filesystem::exists(fmt::format("/proc/{}/task/{}", process.value, thread.value));
}

} // namespace

tracer::~tracer() {
  std::erase_if(tracees_, [](const auto& t) { return t->status().is_gone(); });
  for (const auto& t : tracees_)
    ::kill(t->process().value, SIGKILL);
  std::vector<thread_id> parents;
  for (const auto& t : tracees_)
    if (t->id() == t->process()) parents.push_back(t->id());
  for (const thread_id parent : parents)
    for (tracee* child : take_in_unadopted(parent))
      ::kill(child->id().value, SIGKILL);
  // Everything is dying; each thread passes its exit stop and is reaped, first threads last, because the
  // kernel reports those only when the others are gone.
  std::stable_partition(tracees_.begin(), tracees_.end(),
                        [](const auto& t) { return t->id() != t->process(); });
  for (const auto& t : tracees_)
    ptrace(PTRACE_CONT, t->id().value, nullptr, nullptr);
  for (const auto& t : tracees_) {
    int raw = 0;
    for (;;) {
      const pid_t who = waitpid(t->id().value, &raw, __WALL);
      if (who < 0 && errno == EINTR) continue;
      if (who < 0 || wait_status::from_raw(raw).is_gone()) break;
      for (const auto& other : tracees_)
        ptrace(PTRACE_CONT, other->id().value, nullptr, nullptr);
    }
  }
}

tracee& tracer::add(thread_id thread, thread_id process) {
  tracees_.push_back(std::make_unique<tracee>(thread, process, before_signal_, at_system_call_,
                                              let_others_go_on_));
  return *tracees_.back();
}

void tracer::let_go_on_beside(const tracee& stopped) {
  constexpr std::chrono::milliseconds cpu_bound{
      2}; // one may spin, until the stopped one has gone on
  for (const auto& t : tracees_)
    if (t->process() != stopped.process() && t->status().is<running>()) t->go_on(cpu_bound);
}

// A thread or child whose birth was not reported, or not acted upon, is traced all the same. Left alone in a
// stop, a thread would keep its process from ever being reaped, and a child would live on. Dying processes
// make no new ones (the kernel looks for a fatal signal under the lock that a birth needs), and those that
// stop at their exit still have their children, so what is found after SIGKILL is all.
std::vector<tracee*> tracer::take_in_unadopted(thread_id process) {
  std::vector<tracee*> taken;
  const auto take = [&](pid_t id, pid_t its_process) {
    if (std::any_of(tracees_.begin(), tracees_.end(),
                    [&](const auto& t) { return t->id().value == id; }))
      return;
    taken.push_back(&add({id}, {its_process}));
  };
  std::error_code ignored; // the process is gone
  for (const auto& task :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", process.value), ignored)) {
    take(std::stoi(task.path().filename()), process.value);
    std::ifstream children(task.path() / "children");
    for (pid_t child = 0; children >> child;)
      take(child, child);
  }
  return taken;
}

void tracer::discard(thread_id process) {
  kill(process);
  std::erase_if(tracees_, [&](const auto& t) { return t->process() == process; });
}

std::vector<tracee*> tracer::threads_of(thread_id process) const {
  std::vector<tracee*> found;
  for (const auto& t : tracees_)
    if (t->process() == process) found.push_back(t.get());
  return found;
}

tracee& tracer::launch(const launch_request& request) {
  require_control_of_children();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw_errno("pipe2");
  file_descriptor gate(ends[0]);
  file_descriptor open_gate(ends[1]);

  std::vector<char*> command;
  for (const auto& word : request.command)
    command.push_back(const_cast<char*>(word.c_str()));
  command.push_back(nullptr);
  if (::access(command[0], X_OK) != 0)
    throw trouble(fmt::format("cannot run {}: {}", request.command[0],
                              std::generic_category().message(errno)));

  // Not fork(): what others do in a new child (ThreadSanitizer starts a thread there) would be traced with it.
  const pid_t pid = _Fork();
  if (pid < 0) throw_errno("fork");
  if (pid == 0) {
    open_gate.reset();
    become(command.data(), request, gate.get());
  }
  if (ptrace(PTRACE_SEIZE, pid, nullptr, reinterpret_cast<void*>(options)) != 0) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    throw trouble("cannot trace a child process: " + why_ptrace_is_refused(error));
  }
  tracee& child = add({pid}, {pid});
  if (::write(open_gate.get(), "", 1) != 1) throw_errno("starting a tracee");
  child.wait();
  if (child.status().is_event(PTRACE_EVENT_EXIT)) {
    unsigned long raw_status = 0;
    ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &raw_status);
    throw trouble(
        fmt::format("{} could not be started: {}", request.command[0],
                    std::generic_category().message(WEXITSTATUS(static_cast<int>(raw_status)))));
  }
  if (!child.status().is_event(PTRACE_EVENT_EXEC))
    throw trouble(
        fmt::format("{} could not be started: {}", request.command[0], child.status().describe()));
  return child;
}

tracee& tracer::adopt(tracee& parent) {
  const thread_id child = parent.event_child();
  const bool is_thread =
      parent.status().is_event(PTRACE_EVENT_CLONE) && is_thread_of(child, parent.process());
  tracee& added = add(child, is_thread ? parent.process() : child);
  if (report_system_calls_) added.report_system_calls();
  added.wait();
  return added;
}

void tracer::kill(thread_id process, const exit_hook& at_exit, const killer& how) {
  auto threads = threads_of(process);
  if (std::all_of(threads.begin(), threads.end(), [](tracee* t) { return t->status().is_gone(); }))
    return;
  if (how)
    how(process);
  else if (::kill(process.value, SIGKILL) != 0 && errno != ESRCH)
    throw_errno("kill");
  take_in_unadopted(process);
  threads = threads_of(process);
  for (tracee* thread : threads) {
    // A stop that was reported before the signal is over: the next report is the exit stop.
    if (!thread->status().is_gone() && !thread->status().is_event(PTRACE_EVENT_EXIT))
      thread->abandon_stop();
    while (!thread->wait().is_gone() && !thread->status().is_event(PTRACE_EVENT_EXIT))
      thread->resume(resumption::run);
  }
  // The first thread that goes on takes the memory away from its own id, and the walk of its list runs
  // beside whatever comes next: so the hook sees all of them before any goes on.
  if (at_exit)
    for (tracee* thread : threads)
      if (!thread->status().is_gone()) at_exit(*thread);
  for (tracee* thread : threads)
    if (!thread->status().is_gone()) thread->resume(resumption::run);
  for (tracee* thread : threads)
    if (thread->id() != process) thread->wait();
  for (tracee* thread : threads)
    if (thread->id() == process) thread->wait(); // reported when no other thread is left
}

} // namespace heirlock::lab
