// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>

namespace heirlock::sys {

inline constexpr long nanoseconds_per_second = 1000000000;

// A point on a clock, as the kernel wants it: absolute.
struct deadline {
  clockid_t clock;
  timespec at;
};

inline std::int64_t nanoseconds(const timespec& t) noexcept {
  return static_cast<std::int64_t>(t.tv_sec) * nanoseconds_per_second + t.tv_nsec;
}

inline timespec now(clockid_t clock) noexcept {
  timespec t{};
  clock_gettime(clock, &t);
  return t;
}

inline deadline after(std::int64_t delay_ns) noexcept {
  timespec t = now(CLOCK_MONOTONIC);
  t.tv_sec += static_cast<time_t>(delay_ns / nanoseconds_per_second);
  t.tv_nsec += static_cast<long>(delay_ns % nanoseconds_per_second);
  if (t.tv_nsec >= nanoseconds_per_second) {
    t.tv_nsec -= nanoseconds_per_second;
    ++t.tv_sec;
  }
  return {CLOCK_MONOTONIC, t};
}

// Saturating, so that a deadline in the year 292277026596 is merely far away.
inline std::int64_t remaining(const deadline& d) noexcept {
  const timespec t = now(d.clock);
  std::int64_t seconds = 0;
  std::int64_t result = 0;
  if (__builtin_sub_overflow(static_cast<std::int64_t>(d.at.tv_sec),
                             static_cast<std::int64_t>(t.tv_sec), &seconds) ||
      __builtin_mul_overflow(seconds, std::int64_t{nanoseconds_per_second}, &result) ||
      __builtin_add_overflow(result, std::int64_t{d.at.tv_nsec - t.tv_nsec}, &result))
    return d.at.tv_sec > t.tv_sec ? INT64_MAX : INT64_MIN;
  return result;
}

inline bool passed(const deadline& d) noexcept {
  return remaining(d) <= 0;
}

} // namespace heirlock::sys
