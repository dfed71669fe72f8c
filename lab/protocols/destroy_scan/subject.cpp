// SPDX-License-Identifier: Apache-2.0
// Subject `destroy-scan`: the "big hammer". Lock and unlock are the classic ones; destroy looks at all other threads.
//
//   1 to 6. the classic unlock
//   destroy: D1. refuse a lock that is held
//            D2. for each thread of this process: busy-wait while its pending operation is this mutex
//
// Why D2 misses no thread of this process that had released before: guarded_mutex.hpp, with step 1 in the place of
// step 0 and step 6 in that of step 7.
//
// A death between 4 and 6 ends the process, and with it whoever waits in D2. What D2 cannot see is a thread of another
// process in its window: there the destroyer frees the mutex at once, and the kernel writes into what comes after.
#include <cerrno>

#include "lab/protocols/guarded/guarded_mutex.hpp"
#include "lab/protocols/guarded/thread_table.hpp"
#include "lab/protocols/subject_table.hpp"

namespace heirlock::lab::robust {
namespace {
// The robust lists themselves are in the table, so that they outlive their threads; robust_list/thread_list.cpp,
// which keeps them in the threads' own blocks, is left out.
thread_table<thread_list> threads;
thread_local decltype(threads)::entry* own;
} // namespace

thread_list& this_thread_list() noexcept {
  return own->record;
}

int enter_thread_list(std::ptrdiff_t futex_offset) noexcept {
  own = threads.enter(own);
  return own != nullptr ? own->record.enter(futex_offset) : EAGAIN;
}

namespace {

struct pending_operations {
  static int thread_enter() noexcept { return 0; }
  void init() noexcept {}
  // The pending operation, step 1, says as much.
  static no_token enter(const void*) noexcept { return {}; }
  static void leave(no_token) noexcept {}
  static void wait(const void* node) noexcept {
    threads.wait_while([node](const thread_list& list) { return list.head.pending == node; }); // D2
  }
};

using mutex = guarded_mutex<pending_operations>;

} // namespace
} // namespace heirlock::lab::robust

HEIRLOCK_PROTOCOL_SUBJECT(destroy_scan, heirlock::lab::robust::mutex, "destroy-scan",
                          "robust list; destroy waits while a thread of the process has the mutex "
                          "as its pending operation")
