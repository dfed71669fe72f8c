// SPDX-License-Identifier: Apache-2.0
#include "lab/protocols/cleanup_robust_list/wait_everywhere.hpp"

#include <cerrno>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lab/protocols/cleanup_robust_list/proc_files.hpp"

namespace heirlock::lab {
namespace {

struct search {
  shared_place place; // of the word
  first_look first;
  unsigned not_seen = 0;
};

// A thread that is gone, that the kernel has walked, or whose head is not where it says: the kernel finds nothing
// through it either.
constexpr int nothing_pending = ENOENT;

int without(int error) noexcept {
  return error == ESRCH || error == EFAULT ? nothing_pending : error;
}

// The futex word of the thread's pending operation: 0, or an errno value.
int read_pending(pid_t thread, std::uint64_t& word) noexcept {
  robust_list_head* there = nullptr;
  std::size_t length = 0;
  if (::syscall(SYS_get_robust_list, thread, &there, &length) != 0) return without(errno);
  if (there == nullptr) return nothing_pending;
  robust_list_head head = {};
  const iovec local = {&head, sizeof head};
  const iovec remote = {there, sizeof head};
  if (::process_vm_readv(thread, &local, 1, &remote, 1, 0) != static_cast<ssize_t>(sizeof head))
    return without(errno);
  // Bit 0 of the pointer marks a priority-inheritance lock.
  const std::uint64_t entry =
      reinterpret_cast<std::uint64_t>(head.list_op_pending) & ~std::uint64_t{1};
  if (entry == 0) return nothing_pending;
  word = entry + static_cast<std::uint64_t>(head.futex_offset);
  return 0;
}

int unless_hidden(int error, search& s) noexcept {
  if (error == ENOENT) return 0; // gone, or not there
  if (error != EPERM && error != EACCES) return error;
  ++s.not_seen;
  return 0;
}

// 0: the thread's pending operation does not name the place (any more); else an errno value.
int see_to_thread(void* context, pid_t thread) noexcept {
  search& s = *static_cast<search*>(context);
  std::uint64_t matching = 0;
  for (;;) {
    std::uint64_t word = 0;
    int error = read_pending(thread, word); // U3
    if (error != 0) return unless_hidden(error, s);
    if (word != matching) { // U4; not asked again while U5 waits
      shared_place named = {};
      error = find_place(thread, word, named);
      if (error != 0) return unless_hidden(error, s);
      if (named != s.place) return 0;
      matching = word;
    }
    ::sched_yield(); // U5
  }
}

int see_to_process(void* context, pid_t process) noexcept { // U2
  search& s = *static_cast<search*>(context);
  if (s.first == first_look::maps) {
    const int error = find_mapping(process, s.place);
    if (error != 0) return unless_hidden(error, s);
  }
  char path[longest_proc_path];
  proc_path(path, process, "task");
  return for_each_number(path, see_to_thread, context);
}

int begin(const std::uint32_t* word, search& s) noexcept { // U1
  const int error = find_place(::getpid(), reinterpret_cast<std::uint64_t>(word), s.place);
  return error == ENOENT ? EINVAL : error;
}

} // namespace

cleanup_result wait_until_pending_in_none(const std::uint32_t* word, const pid_t* processes,
                                          unsigned count) noexcept {
  search s = {{}, first_look::pending};
  int error = begin(word, s);
  for (unsigned i = 0; i < count && error == 0; ++i)
    error = see_to_process(&s, processes[i]);
  return {error, s.not_seen};
}

cleanup_result wait_until_pending_nowhere(const std::uint32_t* word, first_look first) noexcept {
  search s = {{}, first};
  int error = begin(word, s);
  if (error == 0) error = for_each_number("/proc", see_to_process, &s);
  return {error, s.not_seen};
}

} // namespace heirlock::lab
