// SPDX-License-Identifier: Apache-2.0
// Subject `serialize-mmap`: mapping calls of the process wait while one of its threads unlocks.
//
//   munmap, mmap: M1. busy-wait until nobody is between 0 and 7 (unlock_count.hpp)    M2. the system call
#include <sys/mman.h>

#include "lab/protocols/serialize_mmap/unlock_count.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {

using heirlock::lab::unlock_count;

struct mapping_guard : unlock_count {
  static void wait(const void*) noexcept {
  } // reuse without a mapping call is what the proposal leaves open
};

extern "C" {
int serialize_mmap_munmap(void* address, std::size_t length) {
  unlock_count::wait_for_unlocks(); // M1
  return ::munmap(address, length); // M2
}
void* serialize_mmap_mmap(void* address, std::size_t length, int protection, int flags,
                          int descriptor, off_t offset) {
  unlock_count::wait_for_unlocks();                                      // M1
  return ::mmap(address, length, protection, flags, descriptor, offset); // M2
}
}

using mutex = heirlock::lab::robust::guarded_mutex<mapping_guard>;

} // namespace

HEIRLOCK_MAPPING_PROTOCOL_SUBJECT(
    serialize_mmap, mutex, "serialize-mmap",
    "robust list; munmap and mmap wait while a thread of the process unlocks",
    serialize_mmap_munmap, serialize_mmap_mmap)
