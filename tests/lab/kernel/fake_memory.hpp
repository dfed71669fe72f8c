// SPDX-License-Identifier: Apache-2.0
// Made-up memory of a dying thread: words that are there, words that are read-only, and a record of wakes.
#pragma once

#include <cstddef>
#include <functional>
#include <linux/futex.h>
#include <map>
#include <set>
#include <vector>

#include "lab/kernel/exit_walk.hpp"

namespace heirlock::lab::kernel {

class fake_memory final : public task_memory {
 public:
  std::optional<std::uint32_t> read32(remote_address from) override {
    const auto found = words.find(from.value);
    return found == words.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<std::uint64_t> read64(remote_address from) override {
    const auto low = read32(from);
    const auto high = read32(from + 4);
    if (!low || !high) return std::nullopt;
    return std::uint64_t{*high} << 32 | *low;
  }
  exchange_outcome compare_exchange32(remote_address at, std::uint32_t expected,
                                      std::uint32_t desired) override {
    if (!words.contains(at.value) || read_only.contains(at.value)) return exchange_outcome::fault;
    if (const auto race = races.find(at.value); race != races.end()) {
      words[at.value] = race->second; // somebody else was faster, once
      races.erase(race);
    }
    if (words[at.value] != expected) return exchange_outcome::changed;
    words[at.value] = desired;
    return exchange_outcome::stored;
  }
  bool write64(remote_address to, std::uint64_t value) override {
    if (!words.contains(to.value) || !words.contains(to.value + 4)) return false;
    put64(to.value, value);
    return true;
  }
  void wake_one(remote_address word) override {
    wakes.push_back(word.value);
    if (at_wake) at_wake();
  }

  void put64(std::uint64_t at, std::uint64_t value) {
    words[at] = static_cast<std::uint32_t>(value);
    words[at + 4] = static_cast<std::uint32_t>(value >> 32);
  }

  std::map<std::uint64_t, std::uint32_t> words;
  std::set<std::uint64_t> read_only;
  std::map<std::uint64_t, std::uint32_t> races;
  std::vector<std::uint64_t> wakes;
  std::function<void()> at_wake; // what the woken do at once
};

// A thread that dies with a robust list in such memory.
struct dying_thread {
  static constexpr std::uint32_t tid = 4711;
  static constexpr std::uint64_t head = 0x7f00'0000'1000;
  static constexpr std::uint64_t futex_offset = static_cast<std::uint64_t>(-16);
  static constexpr std::int64_t back_offset = 8;
  static constexpr std::uint64_t first_lock = 0x20'0000'0000;

  dying_thread() {
    memory.put64(head + offsetof(robust_list_head, list), head);
    memory.put64(head + offsetof(robust_list_head, futex_offset), futex_offset);
    memory.put64(head + offsetof(robust_list_head, list_op_pending), 0);
    task.list_head = remote_address{head};
    task.tid = tid;
  }

  // The word of the n-th lock, and its list node.
  static std::uint64_t word(unsigned n) { return first_lock + std::uint64_t{n} * 64; }
  static std::uint64_t node(unsigned n) { return word(n) - futex_offset; }

  void lock(unsigned n, std::uint32_t value) { memory.words[word(n)] = value; }
  // Puts locks that were given a value on the list, in this order. `bits` go into the pointers to them.
  void list(const std::vector<unsigned>& locks, std::uint64_t bits = 0) {
    std::uint64_t from = head + offsetof(robust_list_head, list);
    for (const unsigned n : locks) {
      memory.put64(from, node(n) | bits);
      from = node(n);
    }
    memory.put64(from, head);
  }
  // As list(), linked back too. What list_op_pending does for one lock, the result does for the end of the list.
  other_end list_two_way(const std::vector<unsigned>& locks) {
    list(locks);
    std::uint64_t before = head + offsetof(robust_list_head, list);
    for (const unsigned n : locks) {
      memory.put64(node(n) + back_offset, before);
      before = node(n);
    }
    return {before, back_offset};
  }
  // Its memory is gone.
  void unmap(unsigned n) {
    for (const std::uint64_t at :
         {word(n), node(n), node(n) + 4, node(n) + back_offset, node(n) + back_offset + 4})
      memory.words.erase(at);
  }
  void pending(unsigned n, std::uint64_t bits = 0) {
    memory.put64(head + offsetof(robust_list_head, list_op_pending), node(n) | bits);
  }

  fake_memory memory;
  kernel::task task = {memory, 0, {}, {}, {}, 0};
};

} // namespace heirlock::lab::kernel
