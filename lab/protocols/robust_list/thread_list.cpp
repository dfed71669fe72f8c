// SPDX-License-Identifier: Apache-2.0
#include "lab/protocols/robust_list/thread_list.hpp"

#include <cerrno>
#include <sys/syscall.h>
#include <unistd.h>

namespace heirlock::lab::robust {
namespace {
// The kernel reads the head after the thread's last instruction: it has to be in the thread's own block, which
// outlives the thread, never in a lazily allocated one (the build sets the initial-exec model).
thread_local thread_list current;
} // namespace

thread_list& this_thread_list() noexcept {
  return current;
}

int thread_list::enter(std::ptrdiff_t futex_offset) noexcept {
  head.first = end();
  head.futex_offset = futex_offset;
  head.pending = nullptr;
  tid = static_cast<pid_t>(::syscall(SYS_gettid));
  return ::syscall(SYS_set_robust_list, &head, sizeof(head)) == 0 ? 0 : errno;
}

} // namespace heirlock::lab::robust
