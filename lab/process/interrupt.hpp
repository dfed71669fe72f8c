// SPDX-License-Identifier: Apache-2.0
// Ctrl-C as a flag that the loops of the instrument look at.
#pragma once

#include <chrono>

namespace heirlock::lab {

// From now on SIGINT, SIGTERM and SIGHUP only set a flag. Signals often come in twos (a terminal that closes, a
// supervisor that sends one to the process and one to its group), so further ones count only when `to_clean_up` has
// gone by since the first: such a one ends the process at once (the kernel then kills the tracees: PTRACE_O_EXITKILL).
// Handlers are installed without SA_RESTART, so that a blocked waitpid returns. What the caller ignores stays ignored
// (nohup, a shell's background jobs). Call once, from the command, never from a library.
void install_interrupt_handlers(std::chrono::nanoseconds to_clean_up = std::chrono::seconds(1));

// True once one of those signals came. Async-signal-safe.
bool interrupt_requested();

// Throws `interrupted` when one came.
void check_interrupt();

} // namespace heirlock::lab
