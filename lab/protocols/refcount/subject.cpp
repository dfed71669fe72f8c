// SPDX-License-Identifier: Apache-2.0
// Subject `refcount`: a count in the mutex, which all processes that share it can see, of the unlocks under way.
//
//   0. references + 1    1 to 6. the classic unlock    7. references - 1, the last access to the mutex
//   destroy: D2. busy-wait until references is 0
//
// references   0: no unlock is under way      n: n of them are, or were when their process was killed
//
// A thread that is killed between 0 and 7 leaves its reference behind for ever, and the kernel knows nothing of it:
// from then on destroy never ends. Nobody can take the reference back, as it does not say whose it is.
#include <atomic>
#include <sched.h>

#include "lab/protocols/guarded/guarded_mutex.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {

class reference_count {
 public:
  static int thread_enter() noexcept { return 0; }
  void init() noexcept { references_ = 0; }
  // Relaxed: the release of step 4 publishes it.
  heirlock::lab::robust::no_token enter(const void*) noexcept {
    count().fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  // Release, paired with the acquire load of D2: the pending operation has been cleared.
  void leave(heirlock::lab::robust::no_token) noexcept {
    count().fetch_sub(1, std::memory_order_release);
  }
  void wait(const void*) noexcept {
    while (count().load(std::memory_order_acquire) != 0)
      ::sched_yield();
  }

 private:
  std::atomic_ref<std::uint64_t> count() noexcept {
    return std::atomic_ref<std::uint64_t>(references_);
  }
  std::uint64_t references_;
};

using mutex = heirlock::lab::robust::guarded_mutex<reference_count>;

} // namespace

HEIRLOCK_PROTOCOL_SUBJECT(refcount, mutex, "refcount",
                          "robust list, with a count of unlocks in the mutex that destroy waits "
                          "for")
