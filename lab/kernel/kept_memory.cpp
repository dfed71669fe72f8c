// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel/kept_memory.hpp"

#include <unistd.h>

#include <cstring>

namespace heirlock::lab::kernel {

std::uint64_t page_bytes() {
  static const auto bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

std::uint64_t page_of(remote_address address) {
  return address.value / page_bytes() * page_bytes();
}

std::optional<std::uint32_t> watched_memory::read32(remote_address from) {
  pages_.insert(page_of(from));
  return real_.read32(from);
}

std::optional<std::uint64_t> watched_memory::read64(remote_address from) {
  pages_.insert(page_of(from));
  return real_.read64(from);
}

exchange_outcome watched_memory::compare_exchange32(remote_address at, std::uint32_t,
                                                    std::uint32_t) {
  pages_.insert(page_of(at));
  return exchange_outcome::stored;
}

bool watched_memory::write64(remote_address to, std::uint64_t) {
  pages_.insert(page_of(to));
  return true;
}

std::byte* kept_memory::find(remote_address where, std::size_t bytes) {
  const auto page = kept_.find(page_of(where));
  if (page == kept_.end()) return nullptr;
  const std::uint64_t offset = where.value - page->first;
  return offset + bytes <= page->second.size() ? page->second.data() + offset : nullptr;
}

std::optional<std::uint32_t> kept_memory::read32(remote_address from) {
  const std::byte* const kept = find(from, sizeof(std::uint32_t));
  if (kept == nullptr) return rest_.read32(from);
  std::uint32_t value = 0;
  std::memcpy(&value, kept, sizeof value);
  return value;
}

std::optional<std::uint64_t> kept_memory::read64(remote_address from) {
  const std::byte* const kept = find(from, sizeof(std::uint64_t));
  if (kept == nullptr) return rest_.read64(from);
  std::uint64_t value = 0;
  std::memcpy(&value, kept, sizeof value);
  return value;
}

// Of the kept pages nobody else has a view: the process is dead, and they were its own.
exchange_outcome kept_memory::compare_exchange32(remote_address at, std::uint32_t expected,
                                                 std::uint32_t desired) {
  std::byte* const kept = find(at, sizeof desired);
  if (kept == nullptr) return rest_.compare_exchange32(at, expected, desired);
  if (read32(at) != expected) return exchange_outcome::changed;
  std::memcpy(kept, &desired, sizeof desired);
  return exchange_outcome::stored;
}

bool kept_memory::write64(remote_address to, std::uint64_t value) {
  std::byte* const kept = find(to, sizeof value);
  if (kept == nullptr) return rest_.write64(to, value);
  std::memcpy(kept, &value, sizeof value);
  return true;
}

} // namespace heirlock::lab::kernel
