// SPDX-License-Identifier: Apache-2.0
#include "src/sys/futex.hpp"

#include <cerrno>
#include <climits>
#include <sys/syscall.h>
#include <unistd.h>

namespace heirlock::sys {
namespace {

std::atomic<bool> wait_on_many_missing{false};

// The number is the same on every architecture; older libc headers do not have it.
constexpr long futex_waitv_call = 449;

long wait_on_many(const futex_waitv* entries, unsigned count, const deadline* limit) noexcept {
  return syscall(futex_waitv_call, entries, count, 0, limit != nullptr ? &limit->at : nullptr,
                 limit != nullptr ? limit->clock : CLOCK_MONOTONIC);
}

} // namespace

int wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  const long woken = syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  return woken > 0 ? static_cast<int>(woken) : 0;
}

bool has_wait_on_many() noexcept {
  return !wait_on_many_missing.load(std::memory_order_relaxed);
}

void probe_wait_on_many() noexcept {
  // No entries: EINVAL where the call exists.
  if (wait_on_many(nullptr, 0, nullptr) < 0 && errno != EINVAL)
    wait_on_many_missing.store(true, std::memory_order_relaxed);
}

wait_set::end wait_set::sleep(const deadline* limit) noexcept {
  if (has_wait_on_many()) {
    if (wait_on_many(entries_, count_, limit) >= 0 || errno == EAGAIN || errno == EINTR)
      return end::woken;
    if (errno == ETIMEDOUT) return end::timed_out;
    if (errno == ENOSYS || errno == EPERM || errno == EACCES)
      wait_on_many_missing.store(true, std::memory_order_relaxed);
    return end::woken; // spuriously: the caller looks again, and may note how it sleeps from now on
  }
  return sleep_in_turns(limit);
}

bool wait_set::differs() const noexcept {
  for (unsigned i = 0; i < count_; ++i) {
    const auto* word = reinterpret_cast<const std::atomic<std::uint32_t>*>(
        static_cast<std::uintptr_t>(entries_[i].uaddr));
    if (word->load(std::memory_order_acquire) != static_cast<std::uint32_t>(entries_[i].val))
      return true;
  }
  return false;
}

// A change of any word but the first is seen at the end of a turn only.
wait_set::end wait_set::sleep_in_turns(const deadline* limit) noexcept {
  while (!differs()) {
    std::int64_t turn = turn_ns;
    if (limit != nullptr) {
      const std::int64_t left = remaining(*limit);
      if (left <= 0) return end::timed_out;
      if (left < turn) turn = left;
    }
    const timespec relative{0, static_cast<long>(turn)};
    const long result = syscall(SYS_futex, entries_[0].uaddr, FUTEX_WAIT,
                                static_cast<std::uint32_t>(entries_[0].val), &relative, nullptr, 0);
    if (result == 0) return end::woken;
    if (errno != ETIMEDOUT) return end::woken;
  }
  return end::woken;
}

} // namespace heirlock::sys
