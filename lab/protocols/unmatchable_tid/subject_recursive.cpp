// SPDX-License-Identifier: Apache-2.0
// Subject `unmatchable-tid`.
#include "lab/protocols/subject_table.hpp"
#include "lab/protocols/unmatchable_tid/owned_mutex.hpp"

namespace {
using mutex = heirlock::lab::robust::owned_mutex<heirlock::lab::robust::mutex_kind::recursive>;
}

HEIRLOCK_PROTOCOL_SUBJECT_UNDER(
    "unmatchable-tid", unmatchable_tid, mutex, "unmatchable-tid",
    "recursive mutex on the robust list, not robust: its owner's end takes the TID "
    "out of it")
