// SPDX-License-Identifier: Apache-2.0
// Subject `rseq-rl-cs`: a robust mutex whose unlock is the transaction of the proposal. It needs a kernel that
// honours the descriptors: under the policy `stock` it has the same window as `robust-list`.
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/rseq_rl_cs/rl_cs_release.hpp"
#include "lab/protocols/rseq_rl_cs/two_way_list.hpp"
#include "lab/protocols/subject_table.hpp"

namespace {
using mutex = heirlock::lab::robust::robust_mutex<heirlock::lab::robust::rl_cs_release,
                                                  heirlock::lab::robust::two_way_list>;
}

HEIRLOCK_PROTOCOL_SUBJECT_UNDER(
    "rseq-rl-cs", rseq_rl_cs, mutex, "rseq-rl-cs",
    "robust list, unlocked by a transaction that an rseq_rl_cs descriptor "
    "declares")
