// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/seat.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

// The layout of a domain: a header page, then the seats.
namespace heirlock::core {

//   magic       the file                                              written by
//   0           empty, or all zero: nobody has begun                   nobody
//   unfinished  begun: its maker is at it (claim lock held), or dead   the maker of a given file, first
//   domain      a domain                                               the maker, last
inline constexpr std::uint64_t domain_magic = 0x6b636f6c72696568;     // "heirlock"
inline constexpr std::uint64_t unfinished_magic = 0x65646d6c72696568; // "heirlmde"
inline constexpr std::uint32_t layout_version = 1;
inline constexpr std::size_t header_size = 4096;
inline constexpr std::uint32_t default_seats = 1024;
inline constexpr std::uint32_t most_seats = (std::uint32_t{1} << detail::seat_bits) - 1;
inline constexpr std::size_t boot_id_size = 40;

// Bytes of the domain file that open-file-description locks are taken on; far above any content.
inline constexpr std::int64_t claim_lock_byte = std::int64_t{1} << 33;
inline constexpr std::int64_t liveness_bytes = std::int64_t{1}
                                               << 34; // + the process's liveness number

// How often what happened. Slow paths only; diagnostics, no part of the protocol.
struct domain_counters {
  std::atomic<std::uint64_t> slow_locks;
  std::atomic<std::uint64_t> follower_sleeps;
  std::atomic<std::uint64_t> head_sleeps;
  std::atomic<std::uint64_t> relays; // a death passed on to sleepers that the kernel did not wake
  std::atomic<std::uint64_t> owner_deaths; // mutexes inherited or declined
  std::atomic<std::uint64_t> claims;
  std::atomic<std::uint64_t> detaches;
  std::atomic<std::uint64_t> lost_places; // a predecessor's node had been used again
  std::atomic<std::uint64_t>
      backstop_timeouts;                    // a wait of an untimed lock that ended by the backstop
  std::atomic<std::uint64_t> rescued_wakes; // of these: the wait should have been woken before
  std::atomic<std::uint64_t>
      rescued_deaths; // of these: the process had died and nothing was marked
  std::atomic<std::uint64_t> stopped_predecessors; // of these: one that lives but does not lead
  std::atomic<std::uint64_t> sleeps_in_turns; // futex_waitv is missing or forbidden in some process
};

struct domain_header {
  std::atomic<std::uint64_t> magic;
  std::uint32_t version;
  std::uint32_t seat_count;
  std::uint32_t seat_size;
  std::uint32_t pointer_size;
  std::uint32_t libc;
  std::uint32_t libc_lock_word_offset;
  std::uint32_t
      id; // random at each creation: words of an earlier domain of the same name do not match
  std::uint32_t asymmetric;
  std::uint32_t backstop_ms;             // 0: waits of untimed locks have no timeout
  std::atomic<std::uint32_t> processes;  // liveness numbers given out
  std::atomic<std::uint32_t> next_claim; // where the next claim looks first (claim lock held)
  char boot_id[boot_id_size];
  alignas(64) domain_counters counters;
};
static_assert(sizeof(domain_header) <= header_size && offsetof(domain_header, magic) == 0);

constexpr std::size_t domain_size(std::uint32_t seats) noexcept {
  return header_size + seats * sizeof(seat);
}
static_assert(domain_size(1024) <= std::size_t{1536} * 1024);

inline void count(std::atomic<std::uint64_t>& counter) noexcept {
  counter.fetch_add(1, std::memory_order_relaxed);
}

} // namespace heirlock::core
