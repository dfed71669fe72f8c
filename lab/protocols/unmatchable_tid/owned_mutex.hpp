// SPDX-License-Identifier: Apache-2.0
// Recursive and error-checking mutexes that are not robust and yet stand on the robust list of their owner, musl's way
// as the discussion tells it: so that whoever sees to the list of a thread that has ended can take the TID out of their
// words. They stay locked for ever, as POSIX has it, but nobody who gets the TID later is taken for the owner.
//
// lock:    0. owned by the caller: count (recursive), or EDEADLK    L1 to L4. robust_mutex.hpp
// unlock:  0. not owned by the caller: EPERM. Counted: one less     1 to 6. robust_mutex.hpp, classic_release.hpp
//
//   word                        meaning                                         written by
//   0, TID, TID|FUTEX_WAITERS   as in lock_word.hpp
//   unmatchable TID             the owner has ended; locked for ever            the policy unmatchable-tid
//   FUTEX_OWNER_DIED            the same                                        the exit walk of any other kernel
//   either with FUTEX_WAITERS   the same, and somebody sleeps, for ever
//
// A death in step 0 changes nothing: the count is the owner's, and of no meaning when it is gone. Everywhere else it is a
// death in robust_mutex, whose list or pending operation leads to the word from L2 to the release.
#pragma once

#include "lab/protocols/robust_list/classic_release.hpp"
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/unmatchable_tid/mutex_kind.hpp"

namespace heirlock::lab::robust {

template <mutex_kind Kind>
class owned_mutex {
 public:
  static int thread_enter() noexcept { return inner::thread_enter(); }

  void init() noexcept {
    inner_.init();
    kind_ = Kind;
    relocked_ = 0;
  }

  int lock() noexcept { return is_mine() ? relock(EDEADLK) : inner_.lock(); }
  int trylock() noexcept { return is_mine() ? relock(EBUSY) : inner_.trylock(); }
  int timedlock(const timespec& deadline) noexcept {
    return is_mine() ? relock(EDEADLK) : inner_.timedlock(deadline);
  }

  int unlock() noexcept {
    if (!is_mine()) return EPERM;
    if (relocked_ == 0) return inner_.unlock();
    --relocked_;
    return 0;
  }

  int consistent() noexcept { return EINVAL; } // only robust ones are ever inconsistent
  int destroy() noexcept { return inner_.is_locked() ? EBUSY : 0; }
  [[nodiscard]] pid_t owner() const noexcept { return inner_.owner(); }

 private:
  using inner = robust_mutex<classic_release, thread_list, nobody_inherits>;

  [[nodiscard]] bool is_mine() const noexcept {
    return inner_.owner() == thread_list::current().tid;
  }

  int relock(int error_of_the_other_kind) noexcept {
    if (Kind == mutex_kind::errorcheck) return error_of_the_other_kind;
    if (relocked_ == ~std::uint32_t{0}) return EAGAIN;
    ++relocked_;
    return 0;
  }

  inner inner_;
  mutex_kind kind_;        // read by whoever sees to the list
  std::uint32_t relocked_; // beyond the first time; the owner's

  static_assert(sizeof(inner) == kind_distance, "where the kind is looked for");
};

} // namespace heirlock::lab::robust
