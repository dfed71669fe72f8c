// SPDX-License-Identifier: Apache-2.0
#include "lab/process/signals_held.hpp"

#include <signal.h>
#include <sys/ptrace.h>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {

signals_held::signals_held(thread_id thread) : thread_(thread) {
  if (ptrace(PTRACE_GETSIGMASK, thread.value, sizeof before_, &before_) != 0)
    throw_errno("PTRACE_GETSIGMASK");
  // A step whose SIGTRAP is blocked would cost the program its handler.
  std::uint64_t mask = ~(std::uint64_t{1} << (SIGTRAP - 1)) | before_;
  if (ptrace(PTRACE_SETSIGMASK, thread.value, sizeof mask, &mask) != 0)
    throw_errno("PTRACE_SETSIGMASK");
}

// Fails only when it is gone.
signals_held::~signals_held() {
  ptrace(PTRACE_SETSIGMASK, thread_.value, sizeof before_, &before_);
}

} // namespace heirlock::lab
