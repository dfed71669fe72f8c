// SPDX-License-Identifier: Apache-2.0
// Subject `futex-robust-unlock`: the unlock of Linux 7.2, in the steps of robust_unlock_release.hpp. On older kernels it
// needs the policy of that name, and has the window of `robust-list` without it.
#include "lab/protocols/futex_robust_unlock/robust_unlock_release.hpp"
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {
using mutex = heirlock::lab::robust::robust_mutex<heirlock::lab::robust::robust_unlock_release>;
}

HEIRLOCK_PROTOCOL_SUBJECT_UNDER("futex-robust-unlock", futex_robust_unlock, mutex,
                                "futex-robust-unlock",
                                "robust list, unlocked as in Linux 7.2: vDSO try-unlock and "
                                "FUTEX_ROBUST_UNLOCK")
