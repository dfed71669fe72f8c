// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lab/kernel/cpu_state.hpp"
#include "lab/process/registers.hpp"

namespace heirlock::lab::kernel {

// The registers of a stopped tracee in the architecture-neutral form; the build picks the file.
cpu_state cpu_state_of(const registers& now);

} // namespace heirlock::lab::kernel
