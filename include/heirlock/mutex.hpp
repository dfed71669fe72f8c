// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <heirlock/detail/lockable.hpp>
#include <heirlock/domain.hpp>

#include <type_traits>

namespace heirlock {

// A mutex for memory that processes share: place it there and construct it once.
//
//   struct account { heirlock::mutex lock; long balance; };
//   auto* shared = new (segment) account;           // one process, once
//
//   auto got = shared->lock.acquire();              // any process
//   if (got.needs_repair()) { repair(*shared); got.mark_consistent(); }
//   if (got) shared->balance += 1;
//
// Any process may be killed at any instruction. If it owned the mutex, the next one is told; nobody waits
// for the dead; and the kernel never writes to the mutex, so its memory may be reused as soon as the program
// knows by its own logic that nobody is inside an operation on it.
//
// 16 bytes, standard layout, to be aligned to 8. Errors are those of heirlock.h, as status or as lock_error, and so are
// memory order and what is said there of threads, signals, cancellation and vfork. A time that has passed still gets a
// free mutex. Everything here may be called by any thread that can reach the mutex, at any time after its construction.
class mutex : public detail::lockable<mutex> {
 public:
  mutex() : mutex(domain::of_user()) {}
  explicit mutex(const domain& where) { bind(where); }
  // Nothing happens at the end of an object's life: other processes may still use the memory.
  ~mutex() = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  void mark_consistent() {
    if (const int code = heirlock_mark_consistent(&cells_))
      throw lock_error(code, "mark_consistent");
  }

  // For a mutex in a segment that outlived its domain (a file after a reboot, a domain that was removed): it belongs
  // to `where` from now on, and the caller has it. owner_died: it had an owner, repair. busy: its domain is attached
  // here, there is nothing to recover. No other thread may be able to reach the mutex meanwhile.
  [[nodiscard]] outcome<mutex> recover(const domain& where) noexcept {
    return {*this, recover_raw(where)};
  }

 private:
  friend class detail::lockable<mutex>;
  friend class recursive_mutex;

  inline void bind(const domain& where);
  int acquire_raw(int clock, const timespec* until, heirlock_inheritance inheritance) noexcept {
    if (__builtin_expect(detail::lock_fast(cells_), 1)) return 0;
    return heirlock_lock_slow(&cells_, clock, until, inheritance);
  }
  int try_acquire_raw(heirlock_inheritance inheritance) noexcept {
    if (__builtin_expect(detail::lock_fast(cells_), 1)) return 0;
    return heirlock_trylock_slow(&cells_, inheritance);
  }
  int unlock_raw() noexcept { return detail::unlock_fast(cells_); }
  int recover_raw(const domain& where) noexcept {
    const int code = heirlock_recover(&cells_, where.native_handle());
    return code != 0 ? code : acquire_raw(detail::no_clock, nullptr, heirlock_inherit);
  }

  detail::mutex_cells cells_;
};

inline void mutex::bind(const domain& where) {
  detail::forget_held(cells_);
  cells_.word.store(detail::word_free, std::memory_order_relaxed);
  cells_.tail.store(0, std::memory_order_relaxed);
  cells_.domain_id.store(where.inspect().id, std::memory_order_release);
}

static_assert(sizeof(mutex) == 16 && std::is_standard_layout_v<mutex> &&
              std::is_trivially_destructible_v<mutex>);

} // namespace heirlock
