// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace heirlock::lab {

// From here on a wait with a timeout ends the process, and those forked from it, with SIGSYS: the kernel itself looks
// at the arguments (seccomp). So an audit shows of every run that no wait but a wake-up or a death ended.
//
// A deadline that the caller of a timed lock gave is let pass: it is on CLOCK_REALTIME, as pthread_mutex_timedlock has
// it, and the library's own timeouts are on CLOCK_MONOTONIC. Where the kernel has no futex_waitv the library has to
// sleep in turns, and nothing is refused. 0, or an errno value.
int refuse_timed_waits();

} // namespace heirlock::lab
