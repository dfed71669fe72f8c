// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/sys/robust_word.hpp"

#include <heirlock/detail/fast_path.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

// What a domain holds for each thread: its seat, nine bells, and its places in the queues.
// All of it stays mapped and keeps its type for as long as the process lives, which is why the kernel may
// be given pointers to it.
namespace heirlock::core {

using detail::bell_count;

// A bell: a robust mutex that the seat's thread holds from claim to death, so that the kernel marks it when
// the thread dies. FUTEX_WAITERS is set in its word by hand; the kernel then wakes one sleeper as well.
//
//   word    who writes it                            sleepers
//   mutex   claim, detach (claim lock held); the     the first watcher of the bell; on bells 0 and 8 the
//           kernel at death; the backstop            follower of the seat's place in a queue
//   flag    RMW mode: nobody, it stays 0             every head whose mutex names this bell
//           asymmetric: heads 0 -> value; owner -> 0
//   tail    the watchers of the bell, by CAS         nobody
struct alignas(detail::bell_stride) bell {
  std::atomic<std::uint32_t> flag; // first: the inline unlock finds it without knowing the rest
  std::atomic<std::uint32_t> tail;
  pthread_mutex_t mutex;

  std::atomic<std::uint32_t>& word() noexcept { return sys::lock_word(mutex); }
};
static_assert(sizeof(bell) == detail::bell_stride && offsetof(bell, flag) == 0);

// A place in a queue is known by its ticket: the seat's number above a sequence number of 20 bits.
inline constexpr unsigned sequence_bits = 20;
inline constexpr std::uint32_t sequence_mask = (std::uint32_t{1} << sequence_bits) - 1;
static_assert(sequence_bits + detail::seat_bits == 32);

constexpr std::uint32_t ticket_of(std::uint32_t seat_number, std::uint32_t sequence) noexcept {
  return seat_number << sequence_bits | (sequence & sequence_mask);
}
constexpr std::uint32_t seat_of_ticket(std::uint32_t ticket) noexcept {
  return ticket >> sequence_bits;
}

//   state     what it says to the follower            written by
//   waiting   wait for me                             the seat's thread, before it is visible in the tail
//   done      I led the queue and left: you lead      the seat's thread; detach
//   gave_up   I left from the middle: splice me out   the seat's thread; the next holder of the seat (claim)
// The state carries the sequence number of the place, so that a node that has been used again is recognised.
enum class place_state : std::uint32_t {
  unused = 0,
  waiting = std::uint32_t{1} << 30,
  done = std::uint32_t{2} << 30,
  gave_up = std::uint32_t{3} << 30,
};
constexpr std::uint32_t with_sequence(place_state state, std::uint32_t ticket) noexcept {
  return static_cast<std::uint32_t>(state) | (ticket & sequence_mask);
}
constexpr place_state state_of(std::uint32_t value) noexcept {
  return static_cast<place_state>(value & ~sequence_mask);
}

struct node {
  std::atomic<std::uint32_t> state;
  std::atomic<std::uint32_t> predecessor; // a ticket, or 0: this place leads
};

// One node per place, not one per seat: a thread that queues again must not destroy what the follower of its
// last place still has to read. A follower that looks after ring_size further places of the seat finds
// another sequence number and falls back on what it remembers.
inline constexpr unsigned ring_size = 32;
struct alignas(64) ring {
  node nodes[ring_size];

  node& at(std::uint32_t ticket) noexcept { return nodes[(ticket & sequence_mask) % ring_size]; }
};

enum class queue_kind : unsigned { waiters_of_mutex = 0, watchers_of_bell = 1 };
inline constexpr unsigned queue_kinds = 2;

constexpr unsigned bell_of_queue(queue_kind kind) noexcept {
  return kind == queue_kind::waiters_of_mutex ? detail::queue_bell : detail::watcher_bell;
}

//   generation   claim alone (claim lock held), +1 each time; sleepers of the last holder are woken through it
//   process      claim: the liveness number of the holder's process in this domain
//   thread       claim: the holder's TID in its own PID namespace; means something in its own process only
//   sequence     the holder; never reset, so that old tickets do not come true again
//   flag_values  the holder: source of flag values that are never used twice
struct alignas(64) seat {
  std::atomic<std::uint32_t> generation;
  std::atomic<std::uint32_t> process;
  std::atomic<std::uint32_t> thread;
  std::atomic<std::uint32_t> flag_values;
  std::atomic<std::uint32_t> sequence[queue_kinds];
  ring places[queue_kinds];
  bell bells[bell_count];

  ring& places_in(queue_kind kind) noexcept { return places[static_cast<unsigned>(kind)]; }
  bell& bell_for(queue_kind kind) noexcept { return bells[bell_of_queue(kind)]; }
};
static_assert(sizeof(seat) <= 1536 - 4, "1,024 seats and the header fit 1.5 MiB");
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

} // namespace heirlock::core
