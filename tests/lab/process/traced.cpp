// SPDX-License-Identifier: Apache-2.0
#include "tests/lab/process/traced.hpp"

#include <cerrno>
#include <poll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab/process/trouble.hpp"

namespace heirlock::lab::process_test {

witness_of::witness_of(thread_id process)
    : process_(static_cast<int>(::syscall(SYS_pidfd_open, process.value, 0))) {
  if (!process_) throw_errno("pidfd_open");
}

bool witness_of::sees_it_gone(std::chrono::milliseconds bound) const {
  pollfd readable = {process_.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&readable, 1, static_cast<int>(bound.count()));
  } while (ready < 0 && errno == EINTR);
  return ready == 1;
}

void witness_of::kill() const {
  ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
}

process_suite::process_suite()
    : file_(::memfd_create("heirlock-test", MFD_CLOEXEC)), page_(nullptr) {
  if (!file_ || ::ftruncate(file_.get(), sizeof(shared_page)) != 0) throw_errno("memfd_create");
  void* const mapped =
      ::mmap(nullptr, sizeof(shared_page), PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
  if (mapped == MAP_FAILED) throw_errno("mmap");
  page_ = static_cast<shared_page*>(mapped);
}

process_suite::~process_suite() {
  ::munmap(page_, sizeof(shared_page));
}

launch_request process_suite::request(const std::string& mode, unsigned count) const {
  return {{TRACEE_PROGRAM, std::to_string(file_.get()), mode, std::to_string(count)},
          {file_.get()}};
}

void process_suite::run_to_landmark(tracee& thread) {
  do {
    thread.resume(resumption::run);
    thread.wait();
    if (thread.status().is_gone() || thread.status().is_event(PTRACE_EVENT_EXIT))
      throw trouble("the tracee ended before its landmark: " + thread.status().describe());
  } while (!thread.status().is_signal(landmark));
}

tracee& process_suite::launch(tracer& t, const std::string& mode, unsigned count) {
  tracee& child = t.launch(request(mode, count));
  run_to_landmark(child);
  return child;
}

std::vector<tracee*> process_suite::launch_with_threads(tracer& t, const std::string& mode,
                                                        unsigned count) {
  tracee& first = t.launch(request(mode, count));
  for (;;) {
    first.resume(resumption::run);
    first.wait();
    if (first.status().is_signal(landmark)) return t.threads_of(first.process());
    if (first.status().is_event(PTRACE_EVENT_CLONE)) {
      t.adopt(first);
    } else if (!first.status().is_stopped() || first.status().is_event(PTRACE_EVENT_EXIT)) {
      throw trouble("the tracee ended before its landmark: " + first.status().describe());
    }
  }
}

} // namespace heirlock::lab::process_test
