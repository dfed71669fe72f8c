// SPDX-License-Identifier: Apache-2.0
// Hazard pointers in one cache line for each processor, or for each concurrency id (mm_cid) that the kernel gives to
// the running threads of a process, so that the number of threads has no part in the length of a scan.
//
// slot   0: free              mutex's node: a thread is between step 0 and step 7 with that mutex
//
// A thread that is preempted or migrated there keeps its slot, which stays in the line of the processor that it was
// on: a line is where a thread looks first, not whom the slot belongs to. The next thread on that processor takes
// another slot of the line, then of the lines behind it. So a slot is claimed by an atomic exchange, which finds its
// line in its own cache; a restartable sequence could do it with a plain store, but the kernel ends such a sequence
// at each stop, so that what it does could not be audited. When every slot is taken the thread is only counted in
// `overflow`, and a scan waits until that count is zero, whichever mutex it stands for.
//
// All of it is memory of the process: a kill takes it along. A thread that ends alone between 0 and 7 (by pthread_exit in
// a signal handler) leaves its slot taken for ever, and a destroy of that mutex waits for ever.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <sched.h>
#include <sys/types.h>
#include <unistd.h>

namespace heirlock::lab {

inline constexpr unsigned slots_per_line = 8; // 64 bytes
inline constexpr unsigned most_lines = 512;   // beyond that, several processors share one

template <unsigned Lines = most_lines>
class hazard_lines {
 public:
  using slot = std::atomic<const void*>;

  // Called once in each process before anything else: a forked child inherits slots of threads that it does not have.
  void begin(unsigned lines) noexcept {
    const pid_t now = ::getpid();
    if (process_.exchange(now, std::memory_order_relaxed) == now) return;
    count_.store(lines < Lines ? lines : Lines, std::memory_order_relaxed);
    scanned_.store(0, std::memory_order_relaxed);
    overflow_.store(0, std::memory_order_relaxed);
    for (line& l : lines_)
      for (slot& s : l)
        s.store(nullptr, std::memory_order_relaxed);
  }

  // Step 0, seen from the place (processor or concurrency id) of the caller. nullptr: no slot was free. Relaxed: the
  // release of step 4 publishes it.
  slot* enter(const void* node, unsigned place) noexcept {
    const unsigned count = count_.load(std::memory_order_relaxed);
    for (unsigned n = 0; n < count; ++n) {
      const unsigned at = (place + n) % count;
      note_used(at);
      for (slot& s : lines_[at]) {
        const void* free = nullptr;
        if (s.load(std::memory_order_relaxed) == nullptr &&
            s.compare_exchange_strong(free, node, std::memory_order_relaxed))
          return &s;
      }
    }
    overflow_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }

  // Step 7. Release, paired with the acquire loads of the scan: the pending operation has been cleared.
  void leave(slot* taken) noexcept {
    if (taken != nullptr)
      taken->store(nullptr, std::memory_order_release);
    else
      overflow_.fetch_sub(1, std::memory_order_release);
  }

  // Step D2.
  void wait(const void* node) noexcept {
    const unsigned count = scanned_.load(std::memory_order_relaxed);
    for (unsigned at = 0; at < count; ++at)
      for (slot& s : lines_[at])
        while (s.load(std::memory_order_acquire) == node)
          ::sched_yield();
    while (overflow_.load(std::memory_order_acquire) != 0)
      ::sched_yield();
  }

 private:
  using line = std::array<slot, slots_per_line>;

  // How far a scan must look; never lowered.
  void note_used(unsigned at) noexcept {
    unsigned seen = scanned_.load(std::memory_order_relaxed);
    while (seen <= at && !scanned_.compare_exchange_weak(seen, at + 1, std::memory_order_relaxed)) {
    }
  }

  std::atomic<pid_t> process_; // whose slots they are
  std::atomic<unsigned> count_;
  std::atomic<unsigned> scanned_;
  std::atomic<unsigned> overflow_;
  alignas(sizeof(line)) line lines_[Lines];
};

} // namespace heirlock::lab
