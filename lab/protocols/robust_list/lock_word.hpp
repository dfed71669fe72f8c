// SPDX-License-Identifier: Apache-2.0
// The futex word of a robust lock, in the terms of the kernel's interface.
//
//   word                         meaning                                   written by
//   0                            free                                      init; the owner that unlocks
//   TID                          owned, nobody is known to wait            an acquirer
//   TID | FUTEX_WAITERS          owned, the unlocker must wake one         an acquirer that has slept; a waiter
//   FUTEX_OWNER_DIED             the owner died, nobody waited             the exit walk of the dead owner
//   FUTEX_OWNER_DIED|FUTEX_WAITERS  the owner died, one waiter was woken   the exit walk of the dead owner
//
// FUTEX_WAITERS stale set is legal: it costs one wake that finds nobody. Stale clear is not: a sleeper could
// be left behind. Therefore whoever has slept acquires with the bit set, for it cannot know who sleeps still.
#pragma once

#include <cstdint>
#include <linux/futex.h>

namespace heirlock::lab::robust {

inline constexpr std::uint32_t waiters_bit = FUTEX_WAITERS;
inline constexpr std::uint32_t owner_died_bit = FUTEX_OWNER_DIED;
inline constexpr std::uint32_t owner_mask = FUTEX_TID_MASK;

static_assert((waiters_bit | owner_died_bit | owner_mask) == 0xffffffffu,
              "the three parts fill the word");
static_assert((waiters_bit & owner_died_bit) == 0 &&
                  ((waiters_bit | owner_died_bit) & owner_mask) == 0,
              "the three parts are disjoint");

constexpr std::uint32_t owner_of(std::uint32_t word) noexcept {
  return word & owner_mask;
}
constexpr bool owner_died(std::uint32_t word) noexcept {
  return (word & owner_died_bit) != 0;
}
constexpr bool has_waiters(std::uint32_t word) noexcept {
  return (word & waiters_bit) != 0;
}

} // namespace heirlock::lab::robust
