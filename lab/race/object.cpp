// SPDX-License-Identifier: Apache-2.0
#include "lab/race/object.hpp"

#include <cerrno>
#include <ctime>
#include <linux/futex.h>
#include <system_error>

namespace heirlock::lab::race {
namespace {

constexpr unsigned half_bits = 32;
// The work: a linear congruential sequence (D. E. Knuth's MMIX constants).
constexpr std::uint64_t multiplier = 6364136223846793005U;
constexpr std::uint64_t increment = 1442695040888963407U;
constexpr long ns_per_second = 1'000'000'000;
constexpr long longest_sleep_ns = 20'000'000;

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

} // namespace

void object::create(lock_kind kind) {
  pthread_mutexattr_t attributes;
  check(::pthread_mutexattr_init(&attributes), "pthread_mutexattr_init");
  int error = ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  if (error == 0 && kind == lock_kind::robust)
    error = ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  if (error == 0) {
    word(mark_word).store(0, std::memory_order_relaxed);
    error = ::pthread_mutex_init(lock(), &attributes);
  }
  ::pthread_mutexattr_destroy(&attributes);
  check(error, "making a process-shared mutex");
}

bool object::use(std::uint64_t mark, int steps) {
  if (::pthread_mutex_lock(lock()) != 0) return false;
  word(mark_word).store(mark, std::memory_order_release);
  std::uint64_t value = mark;
  for (int i = 0; i < steps; ++i) {
    value = value * multiplier + increment;
    word(payload_word).store(value, std::memory_order_relaxed);
  }
  return ::pthread_mutex_unlock(lock()) == 0;
}

int object::acquire(bool patient) {
  const int error = ::pthread_mutex_trylock(lock());
  if (error != EBUSY || !patient) return error;
  // Bounded because the owner of a lock that is not robust may have died with it.
  timespec deadline{};
  ::clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_nsec += longest_sleep_ns;
  if (deadline.tv_nsec >= ns_per_second) {
    deadline.tv_nsec -= ns_per_second;
    ++deadline.tv_sec;
  }
  return ::pthread_mutex_timedlock(lock(), &deadline);
}

object::handover object::take_over(std::uint64_t mark, std::uint64_t fill, bool patient) {
  // A look before the lock, so that the taker does not get in the last user's way too early. The mark is
  // set at the start of the last user's turn: a patient taker then often sleeps until its end.
  if (word(mark_word).load(std::memory_order_acquire) != mark) return handover::pending;
  const int error = acquire(patient);
  if (error == EBUSY || error == ETIMEDOUT) return handover::pending;
  if (error == EOWNERDEAD) {
    // Let go again: the taker's own robust list must not keep an object that will be made anew.
    check(::pthread_mutex_consistent(lock()), "pthread_mutex_consistent");
    check(::pthread_mutex_unlock(lock()), "pthread_mutex_unlock");
    return handover::owner_died;
  }
  check(error, "pthread_mutex_lock");
  check(::pthread_mutex_unlock(lock()), "pthread_mutex_unlock");
  check(::pthread_mutex_destroy(lock()), "pthread_mutex_destroy");
  for (std::size_t i = 0; i < words_per_object; ++i)
    word(i).store(fill, std::memory_order_release);
  return handover::done;
}

contents object::read() const {
  contents result{};
  for (std::size_t i = 0; i < words_per_object; ++i)
    result[i] = word(i).load(std::memory_order_acquire);
  return result;
}

std::uint64_t fill_of(pid_t tid, bool with_waiters) {
  const auto half = static_cast<std::uint32_t>(tid) | (with_waiters ? FUTEX_WAITERS : 0U);
  return static_cast<std::uint64_t>(half) << half_bits | half;
}

evidence judge(const contents& before, const contents& after, pid_t tid) {
  evidence result;
  result.reused = true;
  for (std::size_t i = 0; i < words_per_object; ++i) {
    for (const unsigned shift : {0U, half_bits}) {
      const auto old_half = static_cast<std::uint32_t>(before[i] >> shift);
      const auto new_half = static_cast<std::uint32_t>(after[i] >> shift);
      if (old_half == new_half) continue;
      const bool as_the_kernel = (old_half & FUTEX_TID_MASK) == static_cast<std::uint32_t>(tid) &&
                                 new_half == ((old_half & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
      const bool alone = result.found == finding::unchanged;
      if (alone) result.seen = {before[i], after[i]};
      // The kernel writes one word for one pending operation.
      result.found = as_the_kernel && alone ? finding::corrupted : finding::unexplained;
    }
  }
  return result;
}

} // namespace heirlock::lab::race
