// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// While it exists, no signal is delivered to a stopped tracee but SIGKILL, SIGSTOP and the SIGTRAP of a step: they
// stay pending. The tracee must be stopped again, or gone, when it ends.
class signals_held {
 public:
  explicit signals_held(thread_id thread);
  signals_held(const signals_held&) = delete;
  signals_held& operator=(const signals_held&) = delete;
  ~signals_held();

 private:
  thread_id thread_;
  std::uint64_t before_ = 0;
};

} // namespace heirlock::lab
