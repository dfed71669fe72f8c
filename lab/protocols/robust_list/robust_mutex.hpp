// SPDX-License-Identifier: Apache-2.0
// A robust mutex on the kernel's robust list, whole, with the release of the lock as a policy.
//
// lock:    L1. pending = node   L2. acquire the word (sleeping as needed)   L3. link node   L4. pending = 0
// unlock:  1. pending = node    2. unlink node    3 to 7. Release::release(word, thread's list): gives the lock
//          away, wakes one waiter if there may be one, and clears the pending operation, in the policy's order.
//
// A death before L2 or after step 4 (the release) leaves the word to others; between them it holds the dead
// thread's TID, and either the list or the pending operation leads the kernel to it.
#pragma once

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab/protocols/robust_list/lock_word.hpp"
#include "lab/protocols/robust_list/thread_list.hpp"

namespace heirlock::lab::robust {

// Whether a word can be taken: whoever comes after a dead owner is told.
struct heirs_are_told {
  static bool may_take(std::uint32_t seen) noexcept { return owner_of(seen) == 0; }
};
// For a mutex that is not robust: the word of a dead owner belongs to nobody for ever.
struct nobody_inherits {
  static bool may_take(std::uint32_t seen) noexcept { return (seen & ~waiters_bit) == 0; }
};

template <class Release, class List = thread_list, class Succession = heirs_are_told>
class robust_mutex {
 public:
  static int thread_enter() noexcept {
    if (const int error = List::enter_thread(futex_offset()); error != 0) return error;
    return Release::thread_enter();
  }

  void init() noexcept {
    word_ = 0;
    condition_ = condition::consistent;
    node_ = {};
  }

  int lock() noexcept { return acquire(nullptr); }
  int timedlock(const timespec& deadline) noexcept { return acquire(&deadline); }

  int trylock() noexcept {
    List& list = List::current();
    list.head.pending = &node_; // L1
    std::uint32_t seen = word().load(std::memory_order_relaxed);
    while (Succession::may_take(seen)) {
      if (word().compare_exchange_weak(seen, taken(seen, 0), std::memory_order_acquire,
                                       std::memory_order_relaxed)) { // L2
        return enter_section(list, seen);
      }
    }
    list.head.pending = nullptr; // L4
    return EBUSY;
  }

  int unlock() noexcept {
    List& list = List::current();
    if (owner() != list.tid) return EPERM;
    // Unlocked without having been repaired: final. Written while the lock is held.
    if (condition_ == condition::inconsistent) condition_ = condition::not_recoverable;
    list.head.pending = &node_;    // 1
    list.unlink(node_);            // 2
    Release::release(word_, list); // 3 to 7
    return 0;
  }

  int consistent() noexcept {
    if (owner() != List::current().tid || condition_ != condition::inconsistent) return EINVAL;
    condition_ = condition::consistent;
    return 0;
  }

  int destroy() noexcept {
    const std::uint32_t seen = word().load(std::memory_order_relaxed);
    return owner_of(seen) != 0 || (owner_died(seen) && condition_ != condition::not_recoverable)
               ? EBUSY
               : 0;
  }

  [[nodiscard]] pid_t owner() const noexcept {
    return static_cast<pid_t>(owner_of(__atomic_load_n(&word_, __ATOMIC_RELAXED)));
  }

  [[nodiscard]] bool is_locked() const noexcept {
    return !Succession::may_take(__atomic_load_n(&word_, __ATOMIC_RELAXED));
  }

  [[nodiscard]] const std::uint32_t* futex_word() const noexcept { return &word_; }
  // What the pending operation of a thread that is inside lock or unlock points to.
  [[nodiscard]] const void* node() const noexcept { return &node_; }

 private:
  // Written only by the thread that owns the word.
  enum class condition : std::uint32_t {
    consistent,
    inconsistent,   // an owner was told of a death and has not repaired yet
    not_recoverable // it unlocked without repairing: for ever
  };

  static std::ptrdiff_t futex_offset() noexcept {
    return static_cast<std::ptrdiff_t>(offsetof(robust_mutex, word_)) -
           static_cast<std::ptrdiff_t>(offsetof(robust_mutex, node_));
  }

  std::atomic_ref<std::uint32_t> word() noexcept { return std::atomic_ref<std::uint32_t>(word_); }

  // What the word becomes when the calling thread takes it: OWNER_DIED is consumed, FUTEX_WAITERS is kept.
  static std::uint32_t taken(std::uint32_t seen, std::uint32_t slept) noexcept {
    return static_cast<std::uint32_t>(List::current().tid) | (seen & waiters_bit) | slept;
  }

  int acquire(const timespec* deadline) noexcept {
    List& list = List::current();
    list.head.pending = &node_; // L1
    std::uint32_t slept = 0;    // FUTEX_WAITERS once this thread has slept
    std::uint32_t seen = 0;
    for (;;) {
      // Acquire order, paired with the release order of step 4: what the last owner wrote under the lock,
      // its node_ and condition_ among it, is visible in the section.
      if (Succession::may_take(seen)) {
        if (word().compare_exchange_weak(seen, taken(seen, slept), std::memory_order_acquire,
                                         std::memory_order_relaxed)) { // L2
          return enter_section(list, seen);
        }
        continue;
      }
      if (static_cast<pid_t>(owner_of(seen)) == list.tid) return give_up(list, EDEADLK);
      if (!has_waiters(seen) &&
          !word().compare_exchange_weak(seen, seen | waiters_bit, std::memory_order_relaxed,
                                        std::memory_order_relaxed)) {
        continue;
      }
      const int result = sleep_while(seen | waiters_bit, deadline);
      // An error other than a timeout ends the call as well: EINVAL for a deadline that is no time.
      if (result == ETIMEDOUT || result == EINVAL) return give_up(list, result);
      slept = waiters_bit;
      seen = word().load(std::memory_order_relaxed);
    }
  }

  // FUTEX_WAKE of the kernel's exit walk looks for process-shared waiters, so waiting has to be shared too.
  int sleep_while(std::uint32_t value, const timespec* deadline) noexcept {
    const long result = ::syscall(SYS_futex, &word_, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME,
                                  value, deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
    return result == 0 ? 0 : errno;
  }

  static int give_up(List& list, int error) noexcept {
    list.head.pending = nullptr; // L4
    return error;
  }

  // The word is ours. `seen` is what it was.
  int enter_section(List& list, std::uint32_t seen) noexcept {
    if (condition_ == condition::not_recoverable) {
      // Pass it on: the next sleeper has to be told as well. Never linked, so a death here is found through
      // the pending operation.
      Release::release(word_, list);
      return ENOTRECOVERABLE;
    }
    list.link(node_); // L3
    if (!owner_died(seen)) {
      list.head.pending = nullptr; // L4
      return 0;
    }
    condition_ = condition::inconsistent;
    list.head.pending = nullptr; // L4
    return EOWNERDEAD;
  }

  std::uint32_t word_;
  condition condition_;
  typename List::node_type node_;
};

} // namespace heirlock::lab::robust
