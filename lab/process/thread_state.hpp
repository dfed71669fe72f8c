// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// True when the thread sleeps, inside a system call or a page fault, and only another thread's action (or a timeout) can
// end that sleep. A thread that has been woken but has not run yet is not asleep: the kernel makes it
// runnable inside the waker's own system call, so what this says after the waker is done is final.
bool is_asleep(thread_id thread);

// The same, but not true of a thread that is stalled in a page fault (of userfaultfd, say), whose state is that of a
// sleeper although it stands between two of its own instructions. Asks more of the caller: the right to trace the thread.
bool sleeps_in_a_system_call(thread_id thread);

// CPU time that the thread has used. It does not grow while other processes have the CPU, so a bound on
// it means the same on a busy machine.
std::chrono::nanoseconds cpu_time(thread_id thread);

// For a thread that sleeps in a system call: whether that sleep ends by itself, after a timeout.
bool sleeps_with_a_timeout(thread_id thread);

// For a thread that sleeps: whether it waits for a futex, or with a timeout alone. A wake-up of such a sleeper is done when
// its waker's system call, or exit, is. Other sleeps may end later than what ends them: a lock on a file that a dead process
// has mapped goes with the process's memory, and whoever happens to read of that memory in /proc keeps it for so long.
bool sleeps_until_woken(thread_id thread);

// How often the thread has gone to sleep.
unsigned long sleeps_of(thread_id thread);

} // namespace heirlock::lab
