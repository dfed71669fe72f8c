// SPDX-License-Identifier: Apache-2.0
// What a lock that is nothing but a lock comes to under contention: one word of three states, no owner, no queue, nothing
// told of a death, and the spin that heirlock's has. Beside it one sees what outliving owners costs there, and what is
// the machine's part.
#pragma once

#include <atomic>
#include <cstdint>

namespace heirlock::lab::bench {

class plain_futex {
 public:
  static constexpr const char* name = "plain-futex";
  void lock() {
    std::uint32_t word = unlocked;
    if (!word_.compare_exchange_strong(word, locked, std::memory_order_acquire)) wait();
  }
  void unlock() {
    if (word_.exchange(unlocked, std::memory_order_release) == somebody_sleeps) wake();
  }

 private:
  static constexpr std::uint32_t unlocked = 0, locked = 1, somebody_sleeps = 2;

  // True: taken, and the word is now `as`. Somebody who has slept cannot know that nobody else does.
  bool spin(std::uint32_t as);
  void wait();
  void wake();

  alignas(64) std::atomic<std::uint32_t> word_{unlocked};
};

} // namespace heirlock::lab::bench
