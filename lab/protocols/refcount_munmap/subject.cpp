// SPDX-License-Identifier: Apache-2.0
// Subject `refcount-munmap`: "would the munmap be blocked till the refcount goes to zero?" An unlock takes a reference on
// the page of its mutex; munmap and mmap of that page wait until it has none.
//
//   0. references of the page + 1    1 to 6. the classic unlock    7. references of the page - 1
//   munmap, mmap: M1. for each page of the range: busy-wait until its references are 0    M2. the system call
//
// The count cannot be the one in the mutex (subject `refcount`): munmap would have to find the mutexes of a range, and
// of one that was destroyed and whose memory was reused it would read what the new owner has stored there. So it
// is kept beside the mapping, in each process, as a kernel would pin a page:
//
// references[page]   how many threads of this process are between 0 and 7 with a mutex of the page, or of one of the
//                    pages that share the counter. A death there ends the process, and the count with it. Other
//                    processes have counts of their own: what they unmap is not unmapped here.
//
// A counter that several pages share makes a call wait for an unlock that does not concern it; never the reverse.
// Destroy does not wait: memory that is reused without a mapping call is as unprotected as with `serialize-mmap`.
#include <atomic>
#include <cstdint>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab/protocols/guarded/guarded_mutex.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {

constexpr unsigned counters = 1024;
constexpr unsigned page_shift = 12; // the smallest page; larger ones have several counters

std::atomic<std::uint32_t> references[counters];
std::atomic<pid_t> process; // whose counts they are

std::uint64_t page_of(std::uint64_t address) noexcept {
  return address >> page_shift;
}

struct page_guard {
  using count = std::atomic<std::uint32_t>;

  static int thread_enter() noexcept {
    // A forked child inherits the numbers, but not the threads that they count.
    const pid_t now = ::getpid();
    if (process.exchange(now, std::memory_order_relaxed) != now)
      for (count& c : references)
        c.store(0, std::memory_order_relaxed);
    return 0;
  }
  void init() noexcept {}
  // Relaxed: the release of step 4 publishes it.
  static count* enter(const void* node) noexcept {
    count& c = references[page_of(reinterpret_cast<std::uint64_t>(node)) % counters];
    c.fetch_add(1, std::memory_order_relaxed); // 0
    return &c;
  }
  // Release, paired with the acquire load of M1: the pending operation has been cleared.
  static void leave(count* taken) noexcept {
    taken->fetch_sub(1, std::memory_order_release); // 7
  }
  void wait(const void*) noexcept {
  } // reuse without a mapping call is what the question leaves open
};

void wait_for_pages(void* address, std::size_t length) noexcept {
  const auto begin = reinterpret_cast<std::uint64_t>(address);
  const std::uint64_t first = page_of(begin);
  std::uint64_t pages = length == 0 ? 0 : page_of(begin + length - 1) - first + 1;
  if (pages > counters) pages = counters; // every counter once
  for (std::uint64_t n = 0; n < pages; ++n)
    while (references[(first + n) % counters].load(std::memory_order_acquire) != 0)
      ::sched_yield();
}

extern "C" {
int refcount_munmap_munmap(void* address, std::size_t length) {
  wait_for_pages(address, length);  // M1
  return ::munmap(address, length); // M2
}
void* refcount_munmap_mmap(void* address, std::size_t length, int protection, int flags,
                           int descriptor, off_t offset) {
  // Where no address is demanded nothing is replaced.
  if ((flags & MAP_FIXED) != 0) wait_for_pages(address, length);         // M1
  return ::mmap(address, length, protection, flags, descriptor, offset); // M2
}
}

// Aligned so that none lies across two pages: the one that is counted is the one of the lock word.
class alignas(32) mutex : public heirlock::lab::robust::guarded_mutex<page_guard> {};
static_assert(sizeof(mutex) == 32);

} // namespace

HEIRLOCK_MAPPING_PROTOCOL_SUBJECT(
    refcount_munmap, mutex, "refcount-munmap",
    "robust list, with a count of unlocks for each page that munmap and mmap "
    "of it wait for",
    refcount_munmap_munmap, refcount_munmap_mmap)
