// SPDX-License-Identifier: Apache-2.0
#include "lab/protocols/robust_list/thread_list.hpp"

namespace heirlock::lab::robust {
namespace {
// The kernel reads the head after the thread's last instruction: it has to be in the thread's own block, which
// outlives the thread, never in a lazily allocated one (the build sets the initial-exec model).
thread_local thread_list current;
} // namespace

thread_list& this_thread_list() noexcept {
  return current;
}

int enter_thread_list(std::ptrdiff_t futex_offset) noexcept {
  return current.enter(futex_offset);
}

} // namespace heirlock::lab::robust
