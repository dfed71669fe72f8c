// SPDX-License-Identifier: Apache-2.0
// Memory that processes share by inheritance: it has no name, so nothing of it can be left behind.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <utility>

namespace heirlock::lab::race {

class segment {
 public:
  explicit segment(std::size_t bytes);
  segment(const segment&) = delete;
  segment& operator=(const segment&) = delete;
  ~segment();
  [[nodiscard]] void* data() const { return data_; }

 private:
  std::size_t bytes_;
  void* data_;
};

// One T, at the same address in every process that is forked later.
template <class T>
class shared {
 public:
  shared() : segment_(sizeof(T)), value_(new (segment_.data()) T{}) {}
  shared(const shared&) = delete;
  shared& operator=(const shared&) = delete;
  ~shared() { value_->~T(); }
  [[nodiscard]] T* operator->() const { return value_; }
  [[nodiscard]] T& operator*() const { return *value_; }

 private:
  segment segment_;
  T* value_;
};

// Futex waits between processes; 32-bit, and never private.
void wake_all(std::atomic<std::uint32_t>& word);
// Stores and wakes.
void announce(std::atomic<std::uint32_t>& word, std::uint32_t value);
// Sleeps while `word` is `value`, at most for `limit`; may return early.
void sleep_while(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                 std::chrono::nanoseconds limit);
// Sleeps until `done` or until `limit` has passed; `done` is asked after each change of `word` and ten
// times a second (whoever should change it may be dead). False when the limit passed first.
bool await(const std::atomic<std::uint32_t>& word, std::chrono::nanoseconds limit,
           const std::function<bool()>& done);

} // namespace heirlock::lab::race
