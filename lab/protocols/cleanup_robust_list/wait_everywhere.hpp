// SPDX-License-Identifier: Apache-2.0
// cleanup_robust_list() in user space, for a privileged process on a kernel as it is.
//
//   U1. find the backing store of the word and the offset in it (/proc/self/maps)
//   U2. for each process in /proc and each of its threads:
//   U3.   get_robust_list(2), and read futex offset and pending operation (process_vm_readv(2)); most have none
//   U4.   does it name a byte of the same backing store at the same offset (/proc/PID/maps)?
//   U5.   then wait until the pending operation is another one, or the thread is gone
//
// Nothing is written: another thread's pending operation can be read and written from outside, but not exchanged, and
// between the two the thread may have begun another operation, which would be lost. So U5 waits for the thread.
//
// What it guarantees. When it returns without an error, each thread that had released the lock before the call, in whatever process
// that this /proc shows and that the caller may look at (ptrace(2), "access mode checking"), has cleared its pending operation or has been walked by the kernel: its memory may be reused.
// Why nobody is missed: such a thread was there before the call and set its pending operation before it released,
// which the caller, who was the last to acquire the lock, has seen. /proc lists each process and thread that is there
// from the beginning of a listing to its end. A child that is forked meanwhile has no robust list of its own, a thread
// that is made meanwhile has not had the lock, and exec and exit walk the list before the thread's memory goes away.
//
// What it does not guarantee: that it ends, when a thread is stopped or frozen in its unlock; anything about threads
// in PID namespaces that this /proc does not show, and about 32-bit threads of a 64-bit kernel, whose lists
// get_robust_list(2) does not tell.
#pragma once

#include <cstdint>
#include <sys/types.h>

namespace heirlock::lab {

// What is asked first of a process. `pending`: whether one of its threads has a pending operation, which hardly ever is
// so, and then nothing else. `maps`: whether it maps the word, as the proposal has it; that is there to be measured, and
// overlooks a process whose first thread has ended before the others.
enum class first_look { pending, maps };

struct cleanup_result {
  int error = 0;         // 0; EINVAL: the word is not in shared memory; or why /proc cannot be read
  unsigned not_seen = 0; // threads that this process may not look at: of them nothing is known
};

// Makes system calls, but allocates nothing.
cleanup_result wait_until_pending_nowhere(const std::uint32_t* word, first_look first) noexcept;

// The same for processes that are known to be all that map the word, as a kernel finds them from the page.
cleanup_result wait_until_pending_in_none(const std::uint32_t* word, const pid_t* processes,
                                          unsigned count) noexcept;

} // namespace heirlock::lab
