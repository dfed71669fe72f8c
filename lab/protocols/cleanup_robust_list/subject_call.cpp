// SPDX-License-Identifier: Apache-2.0
// Subject `cleanup-robust-list`: destroy asks the kernel to clear the pending operations that name the mutex, in every
// process that maps it. The kernel's steps are in lab/kernel/cleanup_robust_list.cpp; today's kernels have no such
// call, and there the window stays as it is.
//
// Which thread can still have the mutex as its pending operation in D2? One between steps 4 and 6 of its unlock: it
// gave the mutex away, and needs the kernel's help with it no more. Its own steps 5 and 6 follow all the same: a wake
// on memory that is not the mutex's any more, which the protocol bears as every futex user has to, and a store of 0
// over 0. A thread that has not come to step 4 owns the mutex, and D1 refuses.
#include <cerrno>

#include "lab/protocols/cleanup_robust_list/abi.h"
#include "lab/protocols/cleanup_robust_list/cleaning_mutex.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {

struct call_the_kernel {
  int operator()(const std::uint32_t* word) const noexcept {
    if (::syscall(HEIRLOCK_SYS_CLEANUP_ROBUST_LIST, word) == 0 || errno == ENOSYS) return 0;
    return errno;
  }
};

using mutex = heirlock::lab::robust::cleaning_mutex<call_the_kernel>;

} // namespace

HEIRLOCK_PROTOCOL_SUBJECT_UNDER(
    "cleanup-robust-list", cleanup_robust_list, mutex, "cleanup-robust-list",
    "robust list; destroy has the kernel clear the pending operations that "
    "name the mutex")
