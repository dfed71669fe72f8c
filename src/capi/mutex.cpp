// SPDX-License-Identifier: Apache-2.0
#include "src/core/mutex_ops.hpp"

#include <heirlock/detail/fast_path.hpp>
#include <heirlock/heirlock.h>

#include <cerrno>
#include <cstddef>

using namespace heirlock::core;
using heirlock::detail::mutex_cells;

// The C type is the 16 bytes of a mutex, a tag that tells what it is, and the owner's count.
namespace {

constexpr std::uint32_t tag_version = 0x48C10100; // the low byte is the type
constexpr std::uint32_t type_mask = 0xFF;
constexpr std::uint32_t most_recursive_locks = std::uint32_t{1} << 24;

static_assert(sizeof(heirlock_mutex_t) == 32 && alignof(heirlock_mutex_t) == 16);
static_assert(offsetof(heirlock_mutex_t, word_) == offsetof(mutex_cells, word) &&
              offsetof(heirlock_mutex_t, tail_) == offsetof(mutex_cells, tail) &&
              offsetof(heirlock_mutex_t, domain_id_) == offsetof(mutex_cells, domain_id));

inline mutex_cells& cells(heirlock_mutex_t* mutex) noexcept {
  return *reinterpret_cast<mutex_cells*>(mutex);
}

// Only the words of an error-free mutex are looked at: a tag of another version may mean another layout.
inline bool is_valid(const heirlock_mutex_t* mutex) noexcept {
  return (mutex->version_and_type_ & ~type_mask) == tag_version;
}
inline bool is_recursive(const heirlock_mutex_t* mutex) noexcept {
  return mutex->version_and_type_ == (tag_version | HEIRLOCK_MUTEX_RECURSIVE);
}
inline bool is_plain(const heirlock_mutex_t* mutex) noexcept {
  return (mutex->version_and_type_ & ~std::uint32_t{HEIRLOCK_MUTEX_ERRORCHECK}) == tag_version;
}

int relock(heirlock_mutex_t* mutex) noexcept {
  if (mutex->count_ >= most_recursive_locks) return EAGAIN;
  ++mutex->count_;
  return 0;
}

// The owner's count starts anew, whatever the last one left.
int first_lock(heirlock_mutex_t* mutex, int result) noexcept {
  if (result == 0 || result == EOWNERDEAD) mutex->count_ = 1;
  return result;
}

// Everything that is not a plain mutex, and what is no mutex at all.
__attribute__((noinline)) int lock_special(heirlock_mutex_t* mutex, int clock,
                                           const timespec* until) noexcept {
  if (!is_recursive(mutex)) return EINVAL;
  if (heirlock_is_mine(&cells(mutex))) return relock(mutex);
  if (heirlock::detail::lock_fast(cells(mutex))) return first_lock(mutex, 0);
  return first_lock(mutex, heirlock_lock_slow(&cells(mutex), clock, until, heirlock_inherit));
}

__attribute__((noinline)) int trylock_special(heirlock_mutex_t* mutex) noexcept {
  if (!is_recursive(mutex)) return EINVAL;
  if (heirlock_is_mine(&cells(mutex))) return relock(mutex);
  return first_lock(mutex, heirlock_trylock_slow(&cells(mutex), heirlock_inherit));
}

__attribute__((noinline)) int unlock_special(heirlock_mutex_t* mutex) noexcept {
  if (!is_recursive(mutex)) return EINVAL;
  if (!heirlock_is_mine(&cells(mutex))) return heirlock_unlock_slow(&cells(mutex));
  if (mutex->count_ > 1) {
    --mutex->count_;
    return 0;
  }
  return heirlock::detail::unlock_fast(cells(mutex));
}

inline int lock_until(heirlock_mutex_t* mutex, int clock, const timespec* until) noexcept {
  if (__builtin_expect(!is_plain(mutex), 0)) return lock_special(mutex, clock, until);
  if (__builtin_expect(heirlock::detail::lock_fast(cells(mutex)), 1)) return 0;
  return heirlock_lock_slow(&cells(mutex), clock, until, heirlock_inherit);
}

} // namespace

int heirlock_mutexattr_init(heirlock_mutexattr_t* attributes) noexcept {
  if (attributes == nullptr) return EINVAL;
  *attributes = {HEIRLOCK_MUTEX_NORMAL, 0, nullptr};
  return 0;
}

int heirlock_mutexattr_settype(heirlock_mutexattr_t* attributes, int type) noexcept {
  if (attributes == nullptr || type < HEIRLOCK_MUTEX_NORMAL || type > HEIRLOCK_MUTEX_RECURSIVE)
    return EINVAL;
  attributes->type = static_cast<std::uint32_t>(type);
  return 0;
}

int heirlock_mutexattr_setdomain(heirlock_mutexattr_t* attributes,
                                 heirlock_domain_t* domain) noexcept {
  if (attributes == nullptr) return EINVAL;
  attributes->domain = domain;
  return 0;
}

int heirlock_mutexattr_destroy(heirlock_mutexattr_t* attributes) noexcept {
  if (attributes == nullptr) return EINVAL;
  attributes->type = ~std::uint32_t{0}; // an init with it fails
  return 0;
}

int heirlock_mutex_init(heirlock_mutex_t* mutex, const heirlock_mutexattr_t* attributes) noexcept {
  if (mutex == nullptr || reinterpret_cast<std::uintptr_t>(mutex) % alignof(mutex_cells) != 0)
    return EINVAL;
  const std::uint32_t type =
      attributes != nullptr ? attributes->type : std::uint32_t{HEIRLOCK_MUTEX_NORMAL};
  if (type > HEIRLOCK_MUTEX_RECURSIVE) return EINVAL;
  if (const int error =
          init_mutex(cells(mutex), attributes != nullptr ? attributes->domain : nullptr))
    return error;
  mutex->version_and_type_ = tag_version | type;
  mutex->count_ = 0;
  mutex->reserved_ = 0;
  return 0;
}

int heirlock_mutex_destroy(heirlock_mutex_t* mutex) noexcept {
  if (mutex == nullptr || !is_valid(mutex)) return EINVAL;
  if (const int error = destroy_mutex(cells(mutex))) return error;
  mutex->version_and_type_ = 0;
  return 0;
}

int heirlock_mutex_lock(heirlock_mutex_t* mutex) noexcept {
  return lock_until(mutex, heirlock::detail::no_clock, nullptr);
}

int heirlock_mutex_trylock(heirlock_mutex_t* mutex) noexcept {
  if (__builtin_expect(!is_plain(mutex), 0)) return trylock_special(mutex);
  if (__builtin_expect(heirlock::detail::lock_fast(cells(mutex)), 1)) return 0;
  return heirlock_trylock_slow(&cells(mutex), heirlock_inherit);
}

int heirlock_mutex_timedlock(heirlock_mutex_t* mutex, const timespec* until) noexcept {
  if (until == nullptr) return EINVAL;
  return lock_until(mutex, heirlock::detail::realtime_clock, until);
}

int heirlock_mutex_clocklock(heirlock_mutex_t* mutex, int clock, const timespec* until) noexcept {
  if (until == nullptr || (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)) return EINVAL;
  return lock_until(mutex, clock, until);
}

int heirlock_mutex_unlock(heirlock_mutex_t* mutex) noexcept {
  if (__builtin_expect(!is_plain(mutex), 0)) return unlock_special(mutex);
  return heirlock::detail::unlock_fast(cells(mutex));
}

int heirlock_mutex_consistent(heirlock_mutex_t* mutex) noexcept {
  return mutex != nullptr && is_valid(mutex) ? heirlock_mark_consistent(&cells(mutex)) : EINVAL;
}

int heirlock_mutex_recover(heirlock_mutex_t* mutex, heirlock_domain_t* domain) noexcept {
  if (mutex == nullptr || !is_valid(mutex)) return EINVAL;
  return first_lock(mutex, heirlock_recover(&cells(mutex), domain));
}
