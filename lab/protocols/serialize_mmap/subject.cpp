// SPDX-License-Identifier: Apache-2.0
// Subject `serialize-mmap`: mapping calls of the process wait while one of its threads unlocks.
//
//   0. unlocking + 1    1 to 6. the classic unlock    7. unlocking - 1
//   munmap, mmap: M1. busy-wait until unlocking is 0    M2. the system call
//
// unlocking   how many threads of this process are between 0 and 7. A death there ends the process, and the count with
//             it. Other processes have their own: what they unmap is not unmapped here.
//
// M1 need not keep new unlocks out: only those matter that had released the mutex in the memory that goes away, and
// the caller saw their step 0 when it acquired that mutex after them.
#include <atomic>
#include <cstdint>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab/protocols/guarded/guarded_mutex.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {

std::atomic<std::uint32_t> unlocking;
std::atomic<pid_t> process; // whose count it is

struct process_guard {
  static int thread_enter() noexcept {
    // A forked child inherits the number, but not the threads that it counts.
    const pid_t now = ::getpid();
    if (process.exchange(now, std::memory_order_relaxed) != now) unlocking = 0;
    return 0;
  }
  void init() noexcept {}
  // Relaxed: the release of step 4 publishes it.
  heirlock::lab::robust::no_token enter(const void*) noexcept {
    unlocking.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  // Release, paired with the acquire load of M1: the pending operation has been cleared.
  void leave(heirlock::lab::robust::no_token) noexcept {
    unlocking.fetch_sub(1, std::memory_order_release);
  }
  void wait(const void*) noexcept {
  } // reuse without a mapping call is what the proposal leaves open
};

void wait_for_unlocks() {
  while (unlocking.load(std::memory_order_acquire) != 0)
    ::sched_yield();
}

extern "C" {
int serialize_mmap_munmap(void* address, std::size_t length) {
  wait_for_unlocks();               // M1
  return ::munmap(address, length); // M2
}
void* serialize_mmap_mmap(void* address, std::size_t length, int protection, int flags,
                          int descriptor, off_t offset) {
  wait_for_unlocks();                                                    // M1
  return ::mmap(address, length, protection, flags, descriptor, offset); // M2
}
}

using mutex = heirlock::lab::robust::guarded_mutex<process_guard>;

} // namespace

HEIRLOCK_MAPPING_PROTOCOL_SUBJECT(
    serialize_mmap, mutex, "serialize-mmap",
    "robust list; munmap and mmap wait while a thread of the process unlocks",
    serialize_mmap_munmap, serialize_mmap_mmap)
