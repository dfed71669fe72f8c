// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <system_error>
#include <utility>

namespace heirlock {

// How an attempt to acquire ended. The first two own the mutex.
enum class status : int {
  acquired = 0,
  owner_died = EOWNERDEAD,           // the last owner died: the data may be half-changed. Repair it
  not_recoverable = ENOTRECOVERABLE, // an earlier one was told and did not repair
  timed_out = ETIMEDOUT,
  busy = EBUSY,
  domain_full = EAGAIN,     // or a recursive mutex was locked too often
  would_deadlock = EDEADLK, // the caller owns it
  wrong_domain = EXDEV,     // this process is not attached to the mutex's domain
  invalid = EINVAL,         // the memory holds no mutex, or it was overwritten
};

// Thrown by the functions that return no status: lock(), try_lock(), unlock() and their like.
class lock_error : public std::system_error {
 public:
  lock_error(int code, const char* text) : std::system_error(code, std::generic_category(), text) {}
  heirlock::status status() const noexcept { return static_cast<heirlock::status>(code().value()); }
};

// What acquire() returns: the mutex itself, if it was acquired, until the end of the scope, and in any case
// how the attempt ended. A death cannot be overlooked:
//  - the compiler objects when the outcome is dropped;
//  - it is true in a condition only when it was acquired with nothing to repair;
//  - match() does not compile without an answer to each of the cases;
//  - who gets the mutex after a death and leaves without mark_consistent() makes it not recoverable, which
//    the next one is told.
template <class Mutex>
class [[nodiscard]] outcome {
 public:
  outcome(Mutex& mutex, int code) noexcept : mutex_(owns(code) ? &mutex : nullptr), code_(code) {}
  outcome(outcome&& other) noexcept
      : mutex_(std::exchange(other.mutex_, nullptr)), code_(other.code_) {}
  outcome& operator=(outcome&&) = delete;
  // unlock() throws for a mutex that the thread does not own, that is, for a word that somebody has overwritten
  // meanwhile. To end the process is then what is left.
  ~outcome() { // NOLINT(bugprone-exception-escape)
    if (mutex_ != nullptr) mutex_->unlock();
  }

  heirlock::status status() const noexcept { return static_cast<heirlock::status>(code_); }
  explicit operator bool() const noexcept { return mutex_ != nullptr && code_ == 0; }
  bool owns() const noexcept { return mutex_ != nullptr; }
  bool needs_repair() const noexcept { return mutex_ != nullptr && code_ == EOWNERDEAD; }

  // The data is sound again.
  void mark_consistent() {
    if (mutex_ == nullptr) throw lock_error(EPERM, "mark_consistent without the mutex");
    mutex_->mark_consistent();
    code_ = 0;
  }
  void unlock() {
    if (mutex_ == nullptr) throw lock_error(EPERM, "unlock without the mutex");
    std::exchange(mutex_, nullptr)->unlock();
  }
  // The caller unlocks.
  Mutex* release() noexcept { return std::exchange(mutex_, nullptr); }

  // acquired(), died(outcome&), failed(status). After died() returns, the mutex counts as repaired only if
  // it called mark_consistent().
  template <class Acquired, class Died, class Failed>
  decltype(auto) match(Acquired&& acquired, Died&& died, Failed&& failed) {
    if (needs_repair()) return std::forward<Died>(died)(*this);
    if (mutex_ != nullptr) return std::forward<Acquired>(acquired)();
    return std::forward<Failed>(failed)(status());
  }

 private:
  static bool owns(int code) noexcept { return code == 0 || code == EOWNERDEAD; }

  Mutex* mutex_;
  int code_;
};

} // namespace heirlock
