// SPDX-License-Identifier: Apache-2.0
// Subject `multi-list`: the mutex of `robust-list` on a list that the thread has beside its C library's.
#include "lab/protocols/robust_list/classic_release.hpp"
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {
using mutex = heirlock::lab::robust::robust_mutex<heirlock::lab::robust::classic_release>;
}

HEIRLOCK_PROTOCOL_SUBJECT_UNDER(
    "multi-list", multi_list, mutex, "multi-list",
    "robust list with the classic unlock, on a list of its own beside the C "
    "library's")
