// SPDX-License-Identifier: Apache-2.0
// The words that the storm's workers write and its controller judges by. docs/storm.md has the argument.
#pragma once

#include <cstdint>

namespace heirlock::lab::storm {

// A life: one thread of one worker process, never used again. Serials count the processes of a run.
inline constexpr unsigned thread_bits = 4;
inline constexpr unsigned serial_bits = 22;
inline constexpr std::uint32_t most_serials = std::uint32_t{1} << serial_bits;

constexpr std::uint32_t life_of(std::uint32_t serial, unsigned thread) {
  return serial << thread_bits | thread;
}
constexpr std::uint32_t serial_of(std::uint32_t life) {
  return life >> thread_bits;
}

// Who is inside a lock. One word for each lock, beside it.
//
//   ticket 63..29   how many acquisitions were noted, this one included
//   told   28       this one was told EOWNERDEAD
//   leaving 27      the one inside is about to end its thread, or its program, without unlocking
//   inside 26       it has not begun to release
//   life   25..0    whose acquisition it was
//
//   step          who                          when
//   ticket + 1    the one who acquired         CAS, once lock has returned and before anything else
//   inside -> 0   the same                     CAS, before it calls unlock
//   leaving       the same                     CAS, before it ends
//
// A lock that excludes makes each CAS succeed; one that fails is evidence of a second owner.
class occupancy {
 public:
  constexpr explicit occupancy(std::uint64_t raw) : raw_(raw) {}
  static constexpr occupancy acquired(occupancy before, std::uint32_t life, bool told) {
    return occupancy((before.ticket() + 1) << ticket_shift | (told ? told_bit : 0) | inside_bit |
                     life);
  }

  constexpr std::uint64_t raw() const { return raw_; }
  constexpr std::uint64_t ticket() const { return raw_ >> ticket_shift; }
  constexpr std::uint32_t life() const { return static_cast<std::uint32_t>(raw_ & life_mask); }
  constexpr bool inside() const { return (raw_ & inside_bit) != 0; }
  constexpr bool leaving() const { return (raw_ & leaving_bit) != 0; }
  constexpr bool told() const { return (raw_ & told_bit) != 0; }
  constexpr occupancy released() const { return occupancy(raw_ & ~inside_bit); }
  constexpr occupancy about_to_leave() const { return occupancy(raw_ | leaving_bit); }
  constexpr bool operator==(const occupancy&) const = default;

 private:
  static constexpr unsigned life_bits = serial_bits + thread_bits;
  static constexpr std::uint64_t life_mask = (std::uint64_t{1} << life_bits) - 1;
  static constexpr std::uint64_t inside_bit = std::uint64_t{1} << life_bits;
  static constexpr std::uint64_t leaving_bit = inside_bit << 1;
  static constexpr std::uint64_t told_bit = leaving_bit << 1;
  static constexpr unsigned ticket_shift = life_bits + 3;

  std::uint64_t raw_;
};

// What a thread is doing with one lock; with nested locks it has one of these for each. Written by the thread alone,
// each time as one store.
//
//   none        nothing
//   locking     has called lock; ticket: the lock's last one, read before the call
//   owning      lock has returned and the acquisition is noted; ticket: its own
//   releasing   is about to clear `inside`, or in unlock; ticket: its own
enum class phase : std::uint8_t { none, locking, owning, releasing };

class holding {
 public:
  constexpr holding() = default;
  constexpr explicit holding(std::uint64_t raw) : raw_(raw) {}
  constexpr holding(phase what, unsigned lock, std::uint64_t ticket)
      : raw_(ticket << 8 | std::uint64_t{lock} << 4 | static_cast<std::uint64_t>(what)) {}

  constexpr std::uint64_t raw() const { return raw_; }
  constexpr phase what() const { return static_cast<phase>(raw_ & 15); }
  constexpr unsigned lock() const { return static_cast<unsigned>(raw_ >> 4 & 15); }
  constexpr std::uint64_t ticket() const { return raw_ >> 8; }

 private:
  std::uint64_t raw_ = 0;
};

// What a thread is doing when it does nothing with a lock.
enum class activity : std::uint32_t { unborn, claiming, idle, parked, gone };

// What only the one who saw it can tell. The log's places are given out by a counter; `kind` is stored last.
enum class event_kind : std::uint32_t {
  none,
  entered, // told, or found somebody inside; before: the word that was replaced, mine: the new one
  displaced,  // the CAS that leaves has failed; before: the word found, mine: the one expected
  unexpected, // an operation returned `code`
};

enum class subject_step : std::uint32_t {
  thread_enter,
  thread_leave,
  lock,
  trylock,
  timedlock,
  unlock,
  consistent
};
inline constexpr const char* step_names[] = {"thread_enter", "thread_leave", "lock",      "trylock",
                                             "timedlock",    "unlock",       "consistent"};

} // namespace heirlock::lab::storm
