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

// A function call to find a thread's variable would cost as much as half of the fast path. glibc keeps room for the
// small initial-exec variables of libraries that are loaded at run time; musl does not, and would refuse to load.
#if defined(__GLIBC__)
#define HEIRLOCK_TLS_MODEL __attribute__((tls_model("initial-exec")))
#else
#define HEIRLOCK_TLS_MODEL
#endif

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

// More than a mutex has bits for: whatever a stranger has written there, a thread without a seat is not taken for one
// that has one.
inline constexpr std::uint64_t no_domain = std::uint64_t{1} << 32;
inline constexpr std::size_t max_domains = 16; // attached at once, in one process
inline constexpr std::size_t bell_stride = 64;

// A seat that this thread holds in a domain other than the one it used last.
struct parked_seat {
  std::uint32_t generation; // 0: none
  std::uint16_t number;
  std::uint16_t free_bells;
};

// One per thread. The first part describes the seat in the domain that the thread used last; while there
// is none, domain_id is no_domain and every operation takes the slow path.
//
// The lock that the thread acquired last is remembered here instead of being read from its word: a load so soon after the
// atomic operation that wrote the word costs as much as half of such an operation. `held` is set only where the word
// became `mine`, without INCONSISTENT, and is cleared by whatever ends that: the release, a detach, a switch to
// another domain, a fork, a new initialisation. The bell that `mine` names counts as free meanwhile; when a second lock is
// taken, set_aside() counts it as used.
struct thread_self {
  std::uint64_t domain_id;
  std::uint32_t
      free_bells; // bit b: bell b is not named by a lock that was set aside; the shared bell is always free
  std::uint64_t mine; // what the word of the next lock becomes: identity, and one of the free bells
  mutex_cells* held;  // acquired with `mine`, not yet released
  unsigned char* flag;      // of the bell that `mine` names
  std::uint32_t asymmetric; // the domain's unlock mode
  std::uint32_t slot;       // the domain's place in this process
  std::uint64_t identity;   // generation and seat, in their places in a lock word
  unsigned char* bells;     // the seat's bells; the first 32 bits of each are its flag
  parked_seat parked[max_domains];
};
static_assert(std::is_trivial_v<thread_self>);

inline constexpr thread_self without_a_seat = {no_domain, 0, 0, nullptr, nullptr,
                                               0,         0, 0, nullptr, {}};

} // namespace heirlock::detail

// The public handle of an attachment; see heirlock.h.
struct heirlock_domain;

extern "C" {

extern HEIRLOCK_API __thread ::heirlock::detail::thread_self heirlock_self HEIRLOCK_TLS_MODEL;

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
HEIRLOCK_API int heirlock_recover(::heirlock::detail::mutex_cells*, heirlock_domain*) noexcept;
HEIRLOCK_API int heirlock_is_mine(const ::heirlock::detail::mutex_cells*) noexcept;
HEIRLOCK_API int heirlock_owner_tid(const ::heirlock::detail::mutex_cells*, int* tid) noexcept;
}

namespace heirlock::detail {

// Chooses the bell of the next lock.
inline void choose_bell(thread_self& self) noexcept {
  const auto bell = static_cast<std::uint32_t>(__builtin_ctz(self.free_bells));
  self.mine = self.identity | bell;
  self.flag = self.bells + bell * bell_stride;
}

// The bell that `mine` names is a held lock's from now on, and the next lock gets another.
inline void set_aside(thread_self& self) noexcept {
  self.free_bells = (self.free_bells & ~(std::uint32_t{1} << bell_of(self.mine))) | shared_bell_bit;
  self.held = nullptr;
  choose_bell(self);
}

// The memory becomes a new mutex: whatever the caller held there, it holds it no more.
inline void forget_held(const mutex_cells& mutex) noexcept {
  if (heirlock_self.held == &mutex) set_aside(heirlock_self);
}

// True when the mutex was free and is now the caller's. False decides nothing: ask the slow path.
__attribute__((always_inline)) inline bool lock_fast(mutex_cells& mutex) noexcept {
  thread_self& self = heirlock_self;
  // The id first: a word of another domain names seats of another table, and the same bits there and here
  // would make two owners. It also sends a thread without a seat, and a mutex without a domain, away.
  if (__builtin_expect(mutex.domain_id.load(std::memory_order_relaxed) != self.domain_id, 0))
    return false;
  if (__builtin_expect(self.held != nullptr, 0)) set_aside(self);
  // Noted before it is so: the atomic operation waits for the store in any case, while a store between it and the one of
  // the unlock would be waited for once more. Only this thread reads the note, and not before it is true or taken back.
  self.held = &mutex;
  std::uint64_t expected = word_free;
  // sync handover: acquires what the last owner did before its release.
  // sync seated: the store needs no release of its own. claim() ends with a release fence, which orders
  // the seat's generation and bells before every word that will ever name them.
  if (__builtin_expect(!mutex.word.compare_exchange_strong(expected, self.mine,
                                                           std::memory_order_acquire,
                                                           std::memory_order_relaxed),
                       0)) {
    self.held = nullptr;
    return false;
  }
  return true;
}

// 0, or as the slow path says: EPERM when the caller does not own the mutex, which is then untouched.
__attribute__((always_inline)) inline int unlock_fast(mutex_cells& mutex) noexcept {
  thread_self& self = heirlock_self;
  // Also the check that the caller is the owner: `held` is this mutex only while it is.
  if (__builtin_expect(self.held != &mutex, 0)) return heirlock_unlock_slow(&mutex);
  // From the release on the mutex may be gone: nothing after it touches the mutex.
  if (self.asymmetric == 0) {
    std::uint64_t expected = self.mine;
    // sync handover. WAITERS or STARVE has come: the slow path releases, and wakes.
    if (__builtin_expect(!mutex.word.compare_exchange_strong(expected, word_free,
                                                             std::memory_order_release,
                                                             std::memory_order_relaxed),
                         0))
      return heirlock_unlock_slow(&mutex);
    self.held = nullptr;
    return 0;
  }
  const auto* flag = reinterpret_cast<const std::atomic<std::uint32_t>*>(self.flag);
  // Somebody waits: the slow path looks whether the mutex is to be reserved. To overlook that here is legal.
  if (__builtin_expect(flag->load(std::memory_order_relaxed) != 0, 0))
    return heirlock_unlock_slow(&mutex);
  // sync handover, sync asymmetric: a store and a load that the processor may reorder. The waiter makes
  // up for it: it sets the flag, runs a barrier on every processor, and only then looks at the word.
  mutex.word.store(word_free, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  self.held = nullptr; // after the release: the two stores the other way round cost a third more
  if (__builtin_expect(flag->load(std::memory_order_relaxed) != 0, 0))
    return heirlock_ring_bell(bell_of(self.mine));
  return 0;
}

} // namespace heirlock::detail
