// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/sys/clock.hpp"

#include <atomic>
#include <cstdint>
#include <linux/futex.h>

namespace heirlock::sys {

// A short sleep of one who cannot rely on being woken: long enough not to burn a processor, short enough to bound the
// delay.
inline constexpr std::int64_t turn_ns = 2000000;

// Wakes every waiter on the word. Returns how many there were.
int wake_all(const std::atomic<std::uint32_t>& word) noexcept;

// Words to sleep on until one of them is woken or differs from the value given for it. The kernel
// queues on them in this order and compares each after it has queued on it: whoever changes a later word
// and then wakes an earlier one is either seen by the comparison or finds the sleeper queued.
class wait_set {
 public:
  void add(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
    entries_[count_++] = {value, reinterpret_cast<std::uintptr_t>(&word), FUTEX_32, 0};
  }
  // The low half of a 64-bit word.
  void add_low_half(const std::atomic<std::uint64_t>& word, std::uint32_t value) noexcept {
    entries_[count_++] = {value, reinterpret_cast<std::uintptr_t>(&word), FUTEX_32, 0};
  }

  enum class end { woken, timed_out };
  // Without a limit it sleeps until woken. Spurious returns are allowed.
  end sleep(const deadline* limit) noexcept;

 private:
  static constexpr unsigned capacity = 6;
  end sleep_in_turns(const deadline* limit) noexcept;
  bool differs() const noexcept;

  futex_waitv entries_[capacity];
  unsigned count_ = 0;
};

// False once futex_waitv has been found missing or forbidden in this process (Linux before 5.16, a
// seccomp filter). Waiters of this process then sleep on the first word alone, in short turns.
bool has_wait_on_many() noexcept;
// Asks the kernel instead of waiting for the first sleeper to find out.
void probe_wait_on_many() noexcept;

} // namespace heirlock::sys
