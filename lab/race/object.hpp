// SPDX-License-Identifier: Apache-2.0
// An object as programs keep it in shared memory: a lock, some data, and memory that is reused once the
// last user has let go. Who finds the mark of the last user under the lock may destroy the object.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <pthread.h>
#include <sys/types.h>

#include "lab/race/race.hpp"
#include "lab/race/tally.hpp"

namespace heirlock::lab::race {

inline constexpr std::size_t words_per_object = 8;
using contents = std::array<std::uint64_t, words_per_object>;

class object {
 public:
  // Makes a free lock that processes share and clears the mark. Throws std::system_error.
  void create(lock_kind kind);
  // The last user's turn: lock, mark, some steps of work, unlock. False when the lock refuses.
  bool use(std::uint64_t mark, int steps);

  enum class handover {
    pending,    // not marked yet, or not to be had
    owner_died, // the last user died while it held the lock: told, as it should be, and let go again
    done,       // locked, found marked, unlocked, destroyed, and the memory filled with `fill`
  };
  // `patient`: sleeps for a while on a lock that is held, as most programs do; else only tries.
  handover take_over(std::uint64_t mark, std::uint64_t fill, bool patient);

  [[nodiscard]] contents read() const;

 private:
  [[nodiscard]] int acquire(bool patient);
  static constexpr std::size_t mark_word = words_per_object - 1;
  static constexpr std::size_t payload_word = words_per_object - 2;
  [[nodiscard]] pthread_mutex_t* lock() {
    return reinterpret_cast<pthread_mutex_t*>(memory_.data());
  }
  [[nodiscard]] std::atomic_ref<std::uint64_t> word(std::size_t i) const {
    return std::atomic_ref<std::uint64_t>(memory_[i]);
  }

  // mutable: atomic_ref<const T> comes with C++26
  alignas(64) mutable contents memory_;
};
static_assert(sizeof(object) == 64 && sizeof(pthread_mutex_t) <= (words_per_object - 2) * 8,
              "mark and payload must not overlap the lock");

// The word that a program may well store: the thread's TID, once for each half.
[[nodiscard]] std::uint64_t fill_of(pid_t tid, bool with_waiters);

enum class finding {
  unchanged,
  corrupted,   // exactly what the kernel's exit walk stores, and nothing else
  unexplained, // something else: no claim is made
};
struct evidence {
  bool reused = false; // there was memory to judge
  finding found = finding::unchanged;
  corruption seen; // of the first word that differs
};
// Judges reused memory once the thread `tid` is dead and reaped and nobody else writes. It is the kernel's
// doing only where one 32-bit word held that TID and holds (its FUTEX_WAITERS) | FUTEX_OWNER_DIED now, a
// value that no user-space code of this program stores.
[[nodiscard]] evidence judge(const contents& before, const contents& after, pid_t tid);

} // namespace heirlock::lab::race
