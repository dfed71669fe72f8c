// SPDX-License-Identifier: Apache-2.0
// The list of robust_list/thread_list.hpp, registered beside the C library's own instead of in its place.
#include "lab/protocols/robust_list/thread_list.hpp"

#include <cerrno>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab/protocols/multi_list/set_robust_list2.hpp"

namespace heirlock::lab::robust {
namespace {
thread_local thread_list current_list;
} // namespace

thread_list& this_thread_list() noexcept {
  return current_list;
}

int enter_thread_list(std::ptrdiff_t futex_offset) noexcept {
  thread_list& list = current_list;
  list.head.first = reinterpret_cast<list_node*>(&list.head);
  list.head.futex_offset = futex_offset;
  list.head.pending = nullptr;
  list.tid = static_cast<pid_t>(::syscall(SYS_gettid));
  if (::syscall(set_robust_list2_number, &list.head, 0, list_form::wide) == 0) return 0;
  // As a C library would: the one list that older kernels have.
  return errno == ENOSYS ? list.enter(futex_offset) : errno;
}

} // namespace heirlock::lab::robust
