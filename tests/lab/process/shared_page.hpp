// SPDX-License-Identifier: Apache-2.0
// What the tracee of these tests and the tests share: one page of a memory file, at any address in either.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdint>

namespace heirlock::lab::process_test {

// The tracee raises it where a test shall find it stopped.
inline constexpr int landmark = SIGUSR1;

// A number that no kernel has given to anything.
inline constexpr long unknown_system_call = 4000;

inline constexpr unsigned most_threads = 4;

struct shared_page {
  std::atomic<std::uint64_t> addresses[most_threads]; // what the mode wants the test to know
  std::atomic<std::uint64_t> value;
  pthread_mutex_t mutex;
};
static_assert(sizeof(shared_page) <= 4096);

} // namespace heirlock::lab::process_test
