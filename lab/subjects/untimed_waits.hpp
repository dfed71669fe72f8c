// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace heirlock::lab {

// From here on a wait with a timeout ends the process, and those forked from it, with SIGSYS: the kernel itself looks
// at the arguments (seccomp). So an audit shows of every run that no wait but a wake-up or a death ended.
//
// A deadline that the caller of a timed lock gave is let pass: it is on CLOCK_REALTIME, as pthread_mutex_timedlock has
// it, and the library's own timeouts are on CLOCK_MONOTONIC. Where the kernel has no futex_waitv the library has to
// sleep in turns, and nothing is refused; nor where HEIRLOCK_NO_SECCOMP is set (scripts/seccomp-works). 0, or an errno value.
//
// It is called in the process that forks those that will be killed: each filter of its own that ends with its process is
// work for the kernel, and enough of it has stopped one.
int refuse_timed_waits();

// By this process, or by one that it was forked from.
bool timed_waits_are_refused();

} // namespace heirlock::lab
