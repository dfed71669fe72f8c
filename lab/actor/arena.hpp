// SPDX-License-Identifier: Apache-2.0
// The memory that the instrument and its actors share: orders to the actors, and the locks under audit.
// It is a memory file, mapped at the same address in every actor; nothing is left when they end.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lab/subjects/subject.h"

namespace heirlock::lab {

enum class actor_command : std::uint32_t {
  none,
  fork_actor,  // start a process whose first thread is the actor `value`
  spawn_actor, // start a thread of this process that is the actor `value`
  call,        // run `operation` on `object`, between the two markers
  fill,        // store `value` in every 64-bit word of [object, object + size)
  map_file,    // replace the pages of [object, object + size) by the scratch file, shared
  prepare,     // have the subject make anew what it keeps outside its locks; the first process only
  exit_thread, // end this thread, which spawn_actor started; there is no result
  join_thread, // wait until the thread of the actor `value`, of this process, has ended
  watch_reuse, // see watch_and_reuse() in actor.cpp
  unmap,       // unmap [object, object + size)
  init_crowd,  // make `count` locks, the first at `object`, `size` bytes apart
  hold_crowd,  // lock each of them
  inherit_crowd, // see inherit_crowd() in actor.cpp
  map_private,   // map memory of the process's own at [object, object + size)
  use_up_memory, // see use_up_memory() in actor.cpp
  usurp_crowd,   // see usurp_crowd() in actor.cpp
  load_guest,    // load the guest's library; the first process only
};

enum class subject_call : std::uint32_t {
  init,
  lock,
  trylock,
  timedlock,
  unlock,
  consistent,
  destroy,
  owner,
};

// One actor's orders. The instrument writes them only while the actor is stopped, and reads the result
// only then, so plain fields are enough.
struct mailbox {
  actor_command command;
  subject_call operation;
  std::uint64_t object;
  std::uint64_t other;
  std::uint64_t value;
  std::uint32_t size;
  std::uint32_t count;
  std::int64_t result;
};

// Code addresses that the instrument must know, told by the actor itself so that they hold wherever its
// program was loaded.
struct actor_markers {
  std::uint64_t idle;        // trap: ready for orders
  std::uint64_t before_call; // trap: the next instruction is the first kill point
  std::uint64_t first;       // the first kill point
  std::uint64_t after_call;  // trap: the operation has returned
  std::uint64_t in_handler;  // trap: inside the handler of SIGUSR2
  std::uint64_t thread_end;  // from here a thread ends alone
};

inline constexpr unsigned max_actors = 8;

struct arena_control {
  std::uint32_t abi; // version of this layout
  std::uint32_t subject_size;
  std::uint32_t subject_has_owner;
  std::uint32_t subject_has_timedlock;
  std::uint32_t subject_has_consistent;
  std::uint32_t subject_has_destroy;
  std::uint32_t subject_has_prepare;
  std::uint32_t subject_refuses_others;
  char subject_name[64];
  char subject_summary[256];
  char subject_policy[64]; // the kernel policy that it needs; empty when any kernel will do
  char libc[64];
  char guest_library[512];
  std::uint32_t with_backstop;  // the subject is prepared with it
  std::uint32_t guest_is_there; // each new thread announces itself to the guest too
  actor_markers markers;
  std::byte birth_room[128]; // of fork_with_chosen_id
  char error[512];           // why the actor program cannot serve; empty when it can
  mailbox boxes[max_actors];
};

namespace arena {

inline constexpr std::uint32_t abi = 6;

// Below any place where the kernel or a loader puts things by itself, and inside the smallest address
// space of a 64-bit architecture (39 bits).
inline constexpr std::uint64_t base = 0x20'0000'0000;

// Objects lie 64 KiB apart, so each has pages of its own whatever the page size.
inline constexpr std::uint64_t control = base;
inline constexpr std::uint64_t object_a = base + 0x10000;
inline constexpr std::uint64_t object_b = base + 0x20000;
// The lock here is the guest's: another subject, which lives in the same processes beside the one under audit.
inline constexpr std::uint64_t guest = base + 0x30000;
// As many locks as the tests of a bound on them need, side by side.
inline constexpr std::uint64_t crowd = base + 0x40000;
inline constexpr std::uint32_t crowd_most = 2304;
inline constexpr std::uint64_t size =
    crowd - base + std::uint64_t{crowd_most} * HEIRLOCK_SUBJECT_MAX_SIZE;

// Where an actor can have a lock in memory of its own (map_private).
inline constexpr std::uint64_t own = base + 0x1000'0000;
static_assert(base + size <= own);

} // namespace arena

static_assert(sizeof(arena_control) <= 4096, "the control block is one page");

} // namespace heirlock::lab
