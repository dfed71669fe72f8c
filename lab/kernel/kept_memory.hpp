// SPDX-License-Identifier: Apache-2.0
// What a policy keeps of a dying process's memory when the OOM reaper takes the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "lab/kernel/task_memory.hpp"

namespace heirlock::lab::kernel {

// Pages by their address.
using kept_pages = std::map<std::uint64_t, std::vector<std::byte>>;

std::uint64_t page_of(remote_address address);
std::uint64_t page_bytes();

// Lets somebody look at a task's memory and notes where; stores reach nothing.
class watched_memory final : public task_memory {
 public:
  explicit watched_memory(task_memory& real) : real_(real) {}

  std::optional<std::uint32_t> read32(remote_address from) override;
  std::optional<std::uint64_t> read64(remote_address from) override;
  exchange_outcome compare_exchange32(remote_address at, std::uint32_t expected,
                                      std::uint32_t desired) override;
  bool write64(remote_address to, std::uint64_t value) override;
  void wake_one(remote_address) override {}

  const std::set<std::uint64_t>& pages() const { return pages_; }

 private:
  task_memory& real_;
  std::set<std::uint64_t> pages_;
};

// A task's memory with the kept pages where they were.
class kept_memory final : public task_memory {
 public:
  kept_memory(task_memory& rest, kept_pages kept) : rest_(rest), kept_(std::move(kept)) {}

  std::optional<std::uint32_t> read32(remote_address from) override;
  std::optional<std::uint64_t> read64(remote_address from) override;
  exchange_outcome compare_exchange32(remote_address at, std::uint32_t expected,
                                      std::uint32_t desired) override;
  bool write64(remote_address to, std::uint64_t value) override;
  void wake_one(remote_address word) override { rest_.wake_one(word); }

 private:
  // nullptr: it is not in one of the pages.
  std::byte* find(remote_address where, std::size_t bytes);

  task_memory& rest_;
  kept_pages kept_;
};

} // namespace heirlock::lab::kernel
