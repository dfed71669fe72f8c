// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lab/kernel/exit_walk.hpp"

namespace heirlock::lab::kernel {

// The wake rule of the kernel that runs, found out by letting a thread die with a pending operation on a word
// that somebody else owns and on which a third sleeps.
wake_rule probe_wake_rule();

// The same, asked once and then remembered.
wake_rule wake_rule_of_this_kernel();

} // namespace heirlock::lab::kernel
