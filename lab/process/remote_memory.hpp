// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// Copies memory of another process; false when a byte of it cannot be read (not mapped, or the process is gone). Where
// the system call for it is refused it is read by way of /proc/PID/mem; where that is refused too there is `trouble`.
bool try_read_memory(thread_id process, remote_address from, std::span<std::byte> into);

// The same, but a failure is an error.
void read_memory(thread_id process, remote_address from, std::span<std::byte> into);

// Writes through /proc/PID/mem, which also reaches pages that are read-only to the process itself (it
// gets its own copy of a private page). The process must be a tracee; false when it is gone, or has no such memory.
bool try_write_memory(thread_id process, remote_address to, std::span<const std::byte> bytes);

// The same, but a failure is an error.
void write_memory(thread_id process, remote_address to, std::span<const std::byte> bytes);

// Obeys the protection of the pages, as an access of the kernel on behalf of the process does; false where that would be a
// fault. What is refused is dealt with as for reading.
bool try_write_where_permitted(thread_id process, remote_address to,
                               std::span<const std::byte> bytes);

template <class T>
requires std::is_trivially_copyable_v<T> T read_value(thread_id process, remote_address from) {
  T value = {};
  read_memory(process, from, std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

template <class T>
requires std::is_trivially_copyable_v<T>
void write_value(thread_id process, remote_address to, const T& value) {
  write_memory(process, to, std::as_bytes(std::span(&value, 1)));
}

} // namespace heirlock::lab
