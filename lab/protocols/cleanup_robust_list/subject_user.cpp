// SPDX-License-Identifier: Apache-2.0
// Subject `cleanup-robust-list-user`: the same by a function in user space, on any kernel. It waits instead of clearing;
// wait_everywhere.hpp says what it guarantees, and for whom.
#include "lab/protocols/cleanup_robust_list/cleaning_mutex.hpp"
#include "lab/protocols/cleanup_robust_list/wait_everywhere.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {

struct wait_everywhere {
  int operator()(const std::uint32_t* word) const noexcept {
    // Who shares a lock is one that its users may look at; those that they may not do not hold it up.
    return heirlock::lab::wait_until_pending_nowhere(word, heirlock::lab::first_look::pending)
        .error;
  }
};

using mutex = heirlock::lab::robust::cleaning_mutex<wait_everywhere>;

} // namespace

HEIRLOCK_PROTOCOL_SUBJECT(cleanup_robust_list_user, mutex, "cleanup-robust-list-user",
                          "robust list; destroy looks at every thread of the machine and waits for "
                          "those that have the mutex pending")
