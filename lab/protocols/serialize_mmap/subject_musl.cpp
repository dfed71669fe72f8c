// SPDX-License-Identifier: Apache-2.0
// Subject `serialize-mmap-musl`: who waits for the unlocks of the process in musl 1.2.3, in our own code. Unlike
// serialize-mmap destroy waits too, and of the mapping calls only those that take a mapping away.
//
//   destroy:                     D2. busy-wait until nobody is between 0 and 7 (unlock_count.hpp), with whatever mutex
//   munmap, mmap with MAP_FIXED: M1. the same    M2. the system call
//   other mmap:                  M2. the system call
#include <sys/mman.h>

#include "lab/protocols/serialize_mmap/unlock_count.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {

using heirlock::lab::unlock_count;

struct destroy_guard : unlock_count {
  static void wait(const void*) noexcept { wait_for_unlocks(); } // D2
};

extern "C" {
int serialize_mmap_musl_munmap(void* address, std::size_t length) {
  unlock_count::wait_for_unlocks(); // M1
  return ::munmap(address, length); // M2
}
void* serialize_mmap_musl_mmap(void* address, std::size_t length, int protection, int flags,
                               int descriptor, off_t offset) {
  if ((flags & MAP_FIXED) != 0) unlock_count::wait_for_unlocks();        // M1
  return ::mmap(address, length, protection, flags, descriptor, offset); // M2
}
}

using mutex = heirlock::lab::robust::guarded_mutex<destroy_guard>;

} // namespace

HEIRLOCK_MAPPING_PROTOCOL_SUBJECT(serialize_mmap_musl, mutex, "serialize-mmap-musl",
                                  "robust list; destroy, munmap and mmap with MAP_FIXED wait while "
                                  "a thread of the process unlocks",
                                  serialize_mmap_musl_munmap, serialize_mmap_musl_mmap)
