// SPDX-License-Identifier: Apache-2.0
// Subject `hazard-pointer-thread`: each thread has a hazard pointer, which names the mutex that it is unlocking.
//
//   0. hazard = mutex    1 to 6. the classic unlock    7. hazard = what it was
//   destroy: D2. for each thread of this process: busy-wait while its hazard is this mutex
//
// The scan is as long as that of destroy-scan, which reads the pending operations themselves; this is the form to
// which the other two are the cheaper ones. An unlock in a signal handler puts back what it found.
#include <atomic>
#include <cerrno>

#include "lab/protocols/guarded/guarded_mutex.hpp"
#include "lab/protocols/guarded/thread_table.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {

using hazard = std::atomic<const void*>;
heirlock::lab::thread_table<hazard> threads;
thread_local decltype(threads)::entry* own;

struct thread_hazard {
  static int thread_enter() noexcept {
    own = threads.enter(own);
    if (own == nullptr) return EAGAIN;
    own->record.store(nullptr, std::memory_order_relaxed);
    return 0;
  }
  void init() noexcept {}
  // Relaxed: the release of step 4 publishes it.
  static const void* enter(const void* node) noexcept {
    const void* const before = own->record.load(std::memory_order_relaxed);
    own->record.store(node, std::memory_order_relaxed); // 0
    return before;
  }
  // Release, paired with the acquire load of D2: the pending operation has been cleared.
  static void leave(const void* before) noexcept {
    own->record.store(before, std::memory_order_release); // 7
  }
  static void wait(const void* node) noexcept {
    threads.wait_while(
        [node](const hazard& h) { return h.load(std::memory_order_acquire) == node; }); // D2
  }
};

using mutex = heirlock::lab::robust::guarded_mutex<thread_hazard>;

} // namespace

HEIRLOCK_PROTOCOL_SUBJECT(hazard_pointer_thread, mutex, "hazard-pointer-thread",
                          "robust list, with a hazard pointer for each thread; destroy scans them")
