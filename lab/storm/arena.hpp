// SPDX-License-Identifier: Apache-2.0
// The memory that the controller of a storm shares with its workers: a file without a name.
#pragma once

#include <atomic>
#include <cstddef>

#include "lab/storm/records.hpp"
#include "lab/subjects/storm_hooks.h"
#include "lab/subjects/subject.h"

namespace heirlock::lab::storm {

inline constexpr std::uint32_t arena_abi = 1;
inline constexpr unsigned most_processes = 32;
inline constexpr unsigned most_threads = 1u << thread_bits;
inline constexpr unsigned lock_count = 3;
inline constexpr unsigned deepest = 2; // locks that a thread holds at once
inline constexpr std::size_t log_size = std::size_t{1} << 21;

// Ways in which the workers use the locks, beside lock and unlock; bits of settings.ways.
enum class way : std::uint32_t {
  nested = 1,
  timed = 2,
  tried = 4,
  detach = 8,
  exit = 16,
  exec = 32
};

struct settings {
  std::uint32_t processes = 4;
  std::uint32_t threads = 1;
  std::uint32_t backstop_ms = 0;
  std::uint32_t seed = 1;
  std::uint32_t ways = 0;
  bool has(way each) const { return (ways & static_cast<std::uint32_t>(each)) != 0; }
};

// Of each thread of each place; the next life in that place goes on where the last one was killed.
struct alignas(64) thread_record {
  std::atomic<std::uint32_t> life;
  std::atomic<std::uint32_t> tid;
  std::atomic<activity> now;
  std::atomic<std::uint32_t> parked_for; // the drain for which it stands still
  std::atomic<std::uint64_t> holdings[deepest];
  std::atomic<std::uint64_t> steps; // goes on with each store above
  std::atomic<std::uint64_t> acquired, told, given_up;

  holding at(unsigned depth) const { return holding(holdings[depth].load()); }
};

struct alignas(64) guarded {
  std::atomic<std::uint64_t> word; // an occupancy
  alignas(64) std::byte object[HEIRLOCK_SUBJECT_MAX_SIZE];
};

struct event {
  std::atomic<event_kind> kind;
  std::uint8_t lock;
  bool before_was_dead; // as seen after the CAS
  subject_step step;
  std::int32_t code;
  std::uint64_t before;
  std::uint64_t mine;
};

struct arena {
  // By the first of the workers' processes, before it serves.
  std::uint32_t abi;
  bool has_thread_enter, has_thread_leave, has_timedlock, has_counters, has_doing;
  char error[512];
  char subject_name[64];
  char subject_policy[64];
  char libc[32];

  // By the controller.
  settings chosen;
  std::atomic<std::uint32_t> drain; // not 0: stand still, this is its number
  std::atomic<std::uint32_t> sweep; // that drain is the last: acquire every lock once
  std::atomic<std::uint32_t> exec_wanted[most_processes];
  std::atomic<bool>
      doomed[most_serials]; // set before the kill; for an exec by the one who calls it

  // By the workers.
  thread_record threads[most_processes][most_threads];
  guarded locks[lock_count];
  std::atomic<std::uint64_t> exits_holding;
  std::atomic<std::uint64_t> logged; // may pass log_size; what did not fit is lost
  event log[log_size];
};

// Controller and first process: orders and answers on a socket of whole messages.
enum class order_kind : std::uint32_t { start, reap, ended, read_counters };
struct order {
  order_kind what;
  std::uint32_t place;
  std::uint32_t serial;
  std::int32_t tid; // reap: whose doings are asked for
};
struct answer {
  std::int32_t pid;    // start: the process; negative: -errno. ended: 0 when it has not
  std::int32_t status; // reap, ended: as waitpid gives it
  char doing[48];
  heirlock_storm_counters counters;
};

} // namespace heirlock::lab::storm
