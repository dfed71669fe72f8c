// SPDX-License-Identifier: Apache-2.0
// Subject `robust-list`: the baseline. The same lock as `rseq-rl-cs`, released in the classic way.
#include "lab/protocols/robust_list/classic_release.hpp"
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {
using mutex = heirlock::lab::robust::robust_mutex<heirlock::lab::robust::classic_release>;
}

HEIRLOCK_PROTOCOL_SUBJECT(robust_list, mutex, "robust-list",
                          "robust list with the classic unlock: exchange, wake, clear the pending "
                          "operation")
