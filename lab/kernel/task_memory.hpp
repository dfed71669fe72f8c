// SPDX-License-Identifier: Apache-2.0
// The memory of a thread as the kernel works on it while the thread dies. The exit walk knows nothing else of
// the process, so it runs on real processes (tracee_task.hpp) and on made-up memory (tests) alike.
#pragma once

#include <cstdint>
#include <optional>

#include "lab/process/ids.hpp"

namespace heirlock::lab::kernel {

enum class exchange_outcome {
  stored,
  changed, // the word is not what was expected; nothing was stored
  fault,   // not mapped, or not writable by the process
};

class task_memory {
 public:
  virtual ~task_memory() = default;

  // nullopt: the access would fault.
  virtual std::optional<std::uint32_t> read32(remote_address from) = 0;
  virtual std::optional<std::uint64_t> read64(remote_address from) = 0;
  // Atomic towards every process that shares the word.
  virtual exchange_outcome compare_exchange32(remote_address at, std::uint32_t expected,
                                              std::uint32_t desired) = 0;
  // For the thread's own list head, which no other thread writes. False: it would fault.
  virtual bool write64(remote_address to, std::uint64_t value) = 0;
  // The same, if the word is as expected. Not atomic: it is for words of threads that are stopped.
  bool exchange64(remote_address at, std::uint64_t expected, std::uint64_t desired) {
    return read64(at) == expected && write64(at, desired);
  }
  // Wakes one waiter that sleeps on the word, in whatever process. An address at which no futex can be is no
  // error: nobody sleeps there.
  virtual void wake_one(remote_address word) = 0;
};

} // namespace heirlock::lab::kernel
