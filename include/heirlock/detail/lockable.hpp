// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <heirlock/detail/fast_path.hpp>
#include <heirlock/outcome.hpp>

#include <chrono>
#include <ctime>
#include <limits>
#include <type_traits>

namespace heirlock::detail {

template <class Clock>
constexpr int kernel_clock() noexcept {
  static_assert(std::is_same_v<Clock, std::chrono::steady_clock> ||
                    std::is_same_v<Clock, std::chrono::system_clock>,
                "the kernel knows the steady and the system clock only");
  return std::is_same_v<Clock, std::chrono::steady_clock> ? monotonic_clock : realtime_clock;
}

// What lies beyond the times that the kernel knows, before or behind, is its first or its last: durations of coarse units
// reach further.
template <class Clock, class Duration>
timespec to_timespec(std::chrono::time_point<Clock, Duration> when) noexcept {
  constexpr double beyond = 9e18; // seconds, and a little less than time_t holds
  const std::chrono::duration<double> since_epoch = when.time_since_epoch();
  if (!(since_epoch.count() > -beyond)) return {std::numeric_limits<std::time_t>::min(), 0};
  if (since_epoch.count() >= beyond) return {std::numeric_limits<std::time_t>::max(), 0};
  const auto seconds = std::chrono::floor<std::chrono::seconds>(when.time_since_epoch());
  const auto rest =
      std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch() - seconds);
  return {static_cast<std::time_t>(seconds.count()), static_cast<long>(rest.count())};
}

// The interface that the mutexes share, over three functions of the derived class, each 0 or an errno value:
//   acquire_raw(clock, until, inheritance)   try_acquire_raw(inheritance)   unlock_raw()
// Meets the standard's TimedLockable.
template <class Derived>
class lockable {
 public:
  // Throws lock_error unless it was acquired with nothing to repair. On a dead owner it does not take the
  // mutex, which stays for one who calls acquire() and can repair the data.
  void lock() { require(self().acquire_raw(no_clock, nullptr, heirlock_decline), "lock"); }
  bool try_lock() { return succeeded(self().try_acquire_raw(heirlock_decline), "try_lock"); }
  template <class Rep, class Period>
  bool try_lock_for(std::chrono::duration<Rep, Period> delay) {
    return try_lock_until(after(delay));
  }
  template <class Clock, class Duration>
  bool try_lock_until(std::chrono::time_point<Clock, Duration> when) {
    const timespec until = to_timespec(when);
    return succeeded(self().acquire_raw(kernel_clock<Clock>(), &until, heirlock_decline),
                     "try_lock_until");
  }
  // Throws lock_error when the caller does not own the mutex, which is then untouched.
  void unlock() { require(self().unlock_raw(), "unlock"); }

  // Acquires, also from a dead owner, and tells.
  [[nodiscard]] outcome<Derived> acquire() noexcept {
    return {self(), self().acquire_raw(no_clock, nullptr, heirlock_inherit)};
  }
  [[nodiscard]] outcome<Derived> try_acquire() noexcept {
    return {self(), self().try_acquire_raw(heirlock_inherit)};
  }
  template <class Rep, class Period>
  [[nodiscard]] outcome<Derived> acquire_for(std::chrono::duration<Rep, Period> delay) noexcept {
    return acquire_until(after(delay));
  }
  template <class Clock, class Duration>
  [[nodiscard]] outcome<Derived>
  acquire_until(std::chrono::time_point<Clock, Duration> when) noexcept {
    const timespec until = to_timespec(when);
    return {self(), self().acquire_raw(kernel_clock<Clock>(), &until, heirlock_inherit)};
  }

 private:
  friend Derived;
  lockable() = default;

  Derived& self() noexcept { return static_cast<Derived&>(*this); }
  template <class Rep, class Period>
  static std::chrono::steady_clock::time_point after(std::chrono::duration<Rep, Period> delay) {
    using clock = std::chrono::steady_clock;
    const auto now = clock::now();
    const std::chrono::duration<double> seconds = delay;
    if (!(seconds.count() > 0)) return now; // also of what is no number
    // An hour less, for what a double rounds.
    const std::chrono::duration<double> left = clock::time_point::max() - now;
    if (seconds >= left - std::chrono::hours(1)) return clock::time_point::max();
    return now + std::chrono::ceil<clock::duration>(delay);
  }
  [[noreturn]] static void fail(int code, const char* what) { throw lock_error(code, what); }
  static void require(int code, const char* what) {
    if (__builtin_expect(code != 0, 0)) fail(code, what);
  }
  static bool succeeded(int code, const char* what) {
    if (code == EBUSY || code == ETIMEDOUT) return false;
    require(code, what);
    return true;
  }
};

} // namespace heirlock::detail
