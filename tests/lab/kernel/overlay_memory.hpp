// SPDX-License-Identifier: Apache-2.0
// The memory of a real dying thread on which a policy can be tried without consequence: reads are real, writes are
// kept here. So the copy of the kernel's walk and the kernel itself can be given the same death.
#pragma once

#include <map>
#include <vector>

#include "lab/kernel/tracee_task.hpp"

namespace heirlock::lab::kernel {

class overlay_memory final : public task_memory {
 public:
  explicit overlay_memory(thread_id thread) : real_(thread), view_(thread) {}

  std::optional<std::uint32_t> read32(remote_address from) override {
    const auto written = words.find(from);
    return written == words.end() ? real_.read32(from) : written->second;
  }
  std::optional<std::uint64_t> read64(remote_address from) override { return real_.read64(from); }
  exchange_outcome compare_exchange32(remote_address at, std::uint32_t expected,
                                      std::uint32_t desired) override {
    const memory_area* const area = view_.area_with(at);
    if (area == nullptr || !area->writable) return exchange_outcome::fault;
    if (*read32(at) != expected) return exchange_outcome::changed;
    words[at] = desired;
    return exchange_outcome::stored;
  }
  bool write64(remote_address, std::uint64_t) override { return true; }
  void wake_one(remote_address word) override { wakes.push_back(word); }

  std::map<remote_address, std::uint32_t> words; // what the policy stored
  std::vector<remote_address> wakes;             // and whom it woke, in this order

 private:
  tracee_memory real_;
  shared_view view_;
};

// What a policy would store if the stopped thread died under it.
inline std::map<remote_address, std::uint32_t> stores_of(const policy& rules, thread_id dying) {
  overlay_memory memory(dying);
  task t = task_of(dying, memory);
  rules.thread_exits(t);
  return memory.words;
}

} // namespace heirlock::lab::kernel
