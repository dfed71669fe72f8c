// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <heirlock/mutex.hpp>

#include <cstdint>

namespace heirlock {

// A mutex that its owner may lock again, up to 2^24 times (then EAGAIN). 24 bytes.
// A relock of a mutex that still is to be repaired is `acquired`: who was told has to know.
//
// The count belongs to the owner alone: a new one starts at 1, whatever a dead one left, so it needs no care at death.
class recursive_mutex : public detail::lockable<recursive_mutex> {
 public:
  static constexpr std::uint32_t most_locks = 1u << 24;

  recursive_mutex() = default;
  explicit recursive_mutex(const domain& where) : inner_(where) {}
  ~recursive_mutex() = default;
  recursive_mutex(const recursive_mutex&) = delete;
  recursive_mutex& operator=(const recursive_mutex&) = delete;

  void mark_consistent() { inner_.mark_consistent(); }
  // As mutex::recover.
  [[nodiscard]] outcome<recursive_mutex> recover(const domain& where) noexcept {
    return {*this, first(inner_.recover_raw(where))};
  }

 private:
  friend class detail::lockable<recursive_mutex>;

  // The fast answer to "is it mine?"; no means to ask the library.
  bool mine() const noexcept {
    const detail::thread_self& self = heirlock_self;
    if (inner_.cells_.domain_id.load(std::memory_order_relaxed) == self.domain_id)
      return (inner_.cells_.word.load(std::memory_order_relaxed) ^ self.identity) <
             detail::same_owner_limit;
    return heirlock_is_mine(&inner_.cells_) != 0;
  }
  int again() noexcept {
    if (count_ >= most_locks) return EAGAIN;
    ++count_;
    return 0;
  }
  int first(int code) noexcept {
    if (code == 0 || code == EOWNERDEAD) count_ = 1;
    return code;
  }
  int acquire_raw(int clock, const timespec* until, heirlock_inheritance inheritance) noexcept {
    return mine() ? again() : first(inner_.acquire_raw(clock, until, inheritance));
  }
  int try_acquire_raw(heirlock_inheritance inheritance) noexcept {
    return mine() ? again() : first(inner_.try_acquire_raw(inheritance));
  }
  int unlock_raw() noexcept {
    if (!mine()) return inner_.unlock_raw(); // which says what is wrong
    if (count_ > 1) {
      --count_;
      return 0;
    }
    return inner_.unlock_raw();
  }

  mutex inner_;
  std::uint32_t count_ = 0;
};

static_assert(std::is_standard_layout_v<recursive_mutex>);

} // namespace heirlock
