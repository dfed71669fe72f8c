// SPDX-License-Identifier: Apache-2.0
// The calling thread's registered rseq area, made long enough for the rseq_rl_cs field and those behind it.
//
// The kernel finds the field in the area that the thread has registered with the rseq system call, so there is
// nothing else to announce: a kernel knows the address, and a supervisor asks for it with
// PTRACE_GET_RSEQ_CONFIGURATION. A libc that registers an area of at least RSEQ_AREA_SIZE_WITH_RL_LAST bytes
// provides the fields. glibc before 2.41 registers 32 bytes: then this file takes that registration back and
// registers its own, longer area for the thread. The kernel accepts any length from its own feature size up,
// and ignores the bytes that it does not know. After that the libc's own copy says "unregistered", and its
// sched_getcpu() falls back to the vDSO.
#pragma once

#include "lab/protocols/rseq_rl_cs/rseq_rl_cs.h"

namespace heirlock::lab {

// Finds or registers the area: 0 or an errno value (ENOSYS: kernel without rseq; EBUSY: the area of this thread
// was registered by somebody whose registration cannot be taken back). In a forked child the registration is
// inherited, and this finds it again. The fields behind rseq_rl_cs are 0 in a new area, and left as they are in one that is
// found again.
int enter_thread_area() noexcept;

// The area that enter_thread_area() found, for the calling thread.
rseq_area& this_thread_area() noexcept;

} // namespace heirlock::lab
