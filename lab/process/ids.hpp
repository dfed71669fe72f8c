// SPDX-License-Identifier: Apache-2.0
// Kernel integers, wrapped once so that they cannot be mixed up.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>

namespace heirlock::lab {

// A thread as the kernel names it (gettid); the id of a process is the id of its first thread.
struct thread_id {
  pid_t value = 0;

  auto operator<=>(const thread_id&) const = default;
};

// An address in another process: it can be computed with and read through, never dereferenced.
struct remote_address {
  std::uint64_t value = 0;

  auto operator<=>(const remote_address&) const = default;
  remote_address operator+(std::uint64_t bytes) const { return {value + bytes}; }
  std::uint64_t operator-(remote_address base) const { return value - base.value; }
};

} // namespace heirlock::lab
