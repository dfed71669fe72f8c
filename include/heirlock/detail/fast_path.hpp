// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <heirlock/detail/lock_word.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <type_traits>

// The uncontended lock and unlock, and what they need to know of the calling thread.
// Everything else is behind the functions at the end of this file.

#define HEIRLOCK_API __attribute__((visibility("default")))

namespace heirlock::detail {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "waiters sleep on the low half of the lock word at the word's own address");
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// Linux's clockid_t values, which are part of its ABI.
inline constexpr int no_clock = -1;
inline constexpr int realtime_clock = 0;
inline constexpr int monotonic_clock = 1;

// A mutex in shared memory.
struct mutex_cells {
  std::atomic<std::uint64_t> word;
  std::atomic<std::uint32_t> tail; // the last waiter, a hint: safety never depends on it
  std::atomic<std::uint32_t>
      domain_id; // 0: never initialised; else the domain that its words refer to
};
static_assert(sizeof(mutex_cells) == 16 && std::is_standard_layout_v<mutex_cells>);

inline constexpr std::uint32_t no_domain = 0xFFFFFFFFu; // no mutex ever carries this id
inline constexpr std::size_t max_domains = 16;          // attached at once, in one process
inline constexpr std::size_t bell_stride = 64;

// A seat that this thread holds in a domain other than the one it used last.
struct parked_seat {
  std::uint32_t generation; // 0: none
  std::uint16_t number;
  std::uint16_t free_bells;
};

// One per thread. The first part describes the seat in the domain that the thread used last; while there
// is none, domain_id is no_domain and every operation takes the slow path.
struct thread_self {
  std::uint32_t domain_id;
  std::uint32_t
      free_bells; // bit b: bell b is not named by a held lock; the shared bell is always free
  std::uint64_t identity;   // generation and seat, in their places in a lock word
  unsigned char* bells;     // the seat's bells; the first 32 bits of each are its flag
  std::uint32_t asymmetric; // the domain's unlock mode
  std::uint32_t slot;       // the domain's place in this process
  parked_seat parked[max_domains];
};
static_assert(std::is_trivial_v<thread_self>);

} // namespace heirlock::detail

extern "C" {

// Initial-exec: a function call to find the variable would cost as much as half of the fast path.
extern HEIRLOCK_API __thread ::heirlock::detail::thread_self heirlock_self
    __attribute__((tls_model("initial-exec")));

// What to do about a dead owner.
enum heirlock_inheritance : int {
  heirlock_inherit, // take the mutex over and return EOWNERDEAD
  heirlock_decline  // leave the mutex as it is, for one who can repair, and return EOWNERDEAD
};

HEIRLOCK_API int heirlock_lock_slow(::heirlock::detail::mutex_cells*, int clock, const timespec*,
                                    heirlock_inheritance) noexcept;
HEIRLOCK_API int heirlock_trylock_slow(::heirlock::detail::mutex_cells*,
                                       heirlock_inheritance) noexcept;
HEIRLOCK_API int heirlock_unlock_slow(::heirlock::detail::mutex_cells*) noexcept;
HEIRLOCK_API int
heirlock_ring_bell(std::uint32_t bell) noexcept; // 0: so that it can be tail-called
HEIRLOCK_API int heirlock_mark_consistent(::heirlock::detail::mutex_cells*) noexcept;
HEIRLOCK_API int heirlock_is_mine(const ::heirlock::detail::mutex_cells*) noexcept;
HEIRLOCK_API int heirlock_owner_tid(const ::heirlock::detail::mutex_cells*, int* tid) noexcept;
}

namespace heirlock::detail {

// True when the mutex was free and is now the caller's. False decides nothing: ask the slow path.
__attribute__((always_inline)) inline bool lock_fast(mutex_cells& mutex) noexcept {
  thread_self& self = heirlock_self;
  // The id first: a word of another domain names seats of another table, and the same bits there and here
  // would make two owners. It also sends a thread without a seat, and a mutex without a domain, away.
  if (__builtin_expect(mutex.domain_id.load(std::memory_order_relaxed) != self.domain_id, 0))
    return false;
  const std::uint32_t free_bells = self.free_bells;
  const std::uint64_t mine = self.identity | static_cast<std::uint32_t>(__builtin_ctz(free_bells));
  std::uint64_t expected = word_free;
  // sync handover: acquires what the last owner did before its release.
  // sync seated: the store needs no release of its own. claim() ends with a release fence, which orders
  // the seat's generation and bells before every word that will ever name them.
  if (__builtin_expect(!mutex.word.compare_exchange_strong(
                           expected, mine, std::memory_order_acquire, std::memory_order_relaxed),
                       0))
    return false;
  self.free_bells = (free_bells & (free_bells - 1)) | shared_bell_bit;
  return true;
}

// 0, or EPERM when the caller does not own the mutex (which is then untouched), or as the slow path says.
__attribute__((always_inline)) inline int unlock_fast(mutex_cells& mutex) noexcept {
  thread_self& self = heirlock_self;
  std::uint64_t seen = mutex.word.load(std::memory_order_relaxed);
  if (__builtin_expect(mutex.domain_id.load(std::memory_order_relaxed) != self.domain_id ||
                           (seen ^ self.identity) >= plain_owner_limit,
                       0))
    return heirlock_unlock_slow(&mutex);
  // From the release on the mutex may be gone: nothing after it touches the mutex. The bell is given back
  // before, which nobody but this thread can tell.
  const std::uint32_t bell = bell_of(seen);
  self.free_bells = self.free_bells | std::uint32_t{1} << bell;
  if (self.asymmetric == 0) {
    // sync handover. STARVE may have come since the load; to overlook it is legal.
    seen = mutex.word.exchange(word_free, std::memory_order_release);
    if (__builtin_expect((seen & waiters) != 0, 0)) return heirlock_ring_bell(bell);
  } else {
    // sync handover, sync asymmetric: a store and a load that the processor may reorder. The waiter makes
    // up for it: it sets the flag, runs a barrier on every processor, and only then looks at the word.
    mutex.word.store(word_free, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    const auto* flag =
        reinterpret_cast<const std::atomic<std::uint32_t>*>(self.bells + bell * bell_stride);
    if (__builtin_expect(flag->load(std::memory_order_relaxed) != 0, 0))
      return heirlock_ring_bell(bell);
  }
  return 0;
}

} // namespace heirlock::detail
