// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// The lock word: 64 bits, the only thing in a mutex on which safety depends.
//
//   state            owner  bell   generation  WAITERS STARVE INCONSISTENT   who may leave it
//   free             0      0      0           0       0      0              anyone, by CAS to owned
//   reserved         0      0      0           0       0      0 (RESERVED)   head waiters, try_lock, a last try
//   not recoverable  0      0      0           0       0      0 (LOST)       nobody but recover()
//   owned            seat   1..7   the seat's  any     any    any            its owner; anyone once it is dead
//
// An owned word names the owner's seat, the bell of that seat through which waiters hear of the release,
// and the generation of the seat, so that a word left by a dead owner never names the seat's next holder.
//
// Hints, and the error that is legal for each:
//   WAITERS  stale set is legal (one wake too many). Stale clear is not: a head sets it before it sleeps,
//            and it goes only with the owner that saw it.
//   STARVE   both are legal: it only decides whether a release reserves the mutex for head waiters.
// INCONSISTENT is no hint: it is set by the CAS that inherits the mutex, and cleared by that owner alone.
namespace heirlock::detail {

// Three bits: whatever stands there is a bell of the seat, so that a word in which a stranger has overwritten no more
// than the bell leads an unlock to no other memory. Bell 0 is no lock's: a word with it is refused.
inline constexpr unsigned bell_bits = 3;
inline constexpr unsigned waiters_shift = 3;
inline constexpr unsigned starve_shift = 4;
inline constexpr unsigned inconsistent_shift = 5;
inline constexpr unsigned reserved_shift = 6;
inline constexpr unsigned seat_shift = 8;
inline constexpr unsigned seat_bits = 12;
inline constexpr unsigned lost_shift = 20;
inline constexpr unsigned generation_shift = 32;

inline constexpr std::uint64_t bell_mask = (std::uint64_t{1} << bell_bits) - 1;
inline constexpr std::uint64_t waiters = std::uint64_t{1} << waiters_shift;
inline constexpr std::uint64_t starve = std::uint64_t{1} << starve_shift;
inline constexpr std::uint64_t inconsistent = std::uint64_t{1} << inconsistent_shift;
inline constexpr std::uint64_t seat_mask = ((std::uint64_t{1} << seat_bits) - 1) << seat_shift;

inline constexpr std::uint64_t word_free = 0;
inline constexpr std::uint64_t word_reserved = std::uint64_t{1} << reserved_shift;
inline constexpr std::uint64_t word_not_recoverable = std::uint64_t{1} << lost_shift;

// Two words that differ only below this value have the same owner, whatever the flags.
inline constexpr std::uint64_t same_owner_limit = std::uint64_t{1} << reserved_shift;

static_assert(waiters_shift == bell_bits, "WAITERS lies just above the bell");
static_assert(inconsistent < same_owner_limit && word_reserved >= same_owner_limit);
static_assert(reserved_shift < seat_shift && seat_shift + seat_bits == lost_shift &&
              lost_shift < generation_shift);

// Bits of the low half that no owned word ever has: a word with one of them was overwritten by a stranger.
inline constexpr std::uint64_t low_half = (std::uint64_t{1} << generation_shift) - 1;
inline constexpr std::uint64_t never_set =
    low_half & ~(bell_mask | waiters | starve | inconsistent | seat_mask);

// Seats are numbered from 1 in words, so that an owned word is never 0.
constexpr std::uint64_t identity_of(std::uint32_t seat_number, std::uint32_t generation) noexcept {
  return (std::uint64_t{generation} << generation_shift) |
         (std::uint64_t{seat_number} << seat_shift);
}
constexpr std::uint32_t bell_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word & bell_mask);
}
constexpr std::uint32_t seat_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>((word & seat_mask) >> seat_shift);
}
constexpr std::uint32_t generation_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word >> generation_shift);
}
constexpr std::uint32_t low_half_of(std::uint64_t word) noexcept {
  return static_cast<std::uint32_t>(word & low_half);
}

// The bells of a seat. Bell 0 speaks for the mutex queue, bell 8 for the watcher queue; the others are
// named by held locks, the last of these by all locks beyond the sixth.
inline constexpr unsigned queue_bell = 0;
inline constexpr unsigned first_lock_bell = 1;
inline constexpr unsigned shared_lock_bell = 7;
inline constexpr unsigned watcher_bell = 8;
inline constexpr unsigned bell_count = 9;

inline constexpr std::uint32_t shared_bell_bit = std::uint32_t{1} << shared_lock_bell;
inline constexpr std::uint32_t all_lock_bells =
    (std::uint32_t{1} << (shared_lock_bell + 1)) - (std::uint32_t{1} << first_lock_bell);
static_assert(bell_mask == shared_lock_bell && bell_mask < bell_count);

} // namespace heirlock::detail
