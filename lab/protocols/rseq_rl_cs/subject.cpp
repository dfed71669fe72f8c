// SPDX-License-Identifier: Apache-2.0
// Subject `rseq-rl-cs`: a robust mutex whose unlock is the transaction of the proposal. It needs a kernel that
// honours the descriptors: under the policy `stock` it has the same window as `robust-list`.
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/robust_list/subject_adapter.hpp"
#include "lab/protocols/rseq_rl_cs/rl_cs_release.hpp"

const heirlock_subject* heirlock_subject_entry() {
  using namespace heirlock::lab::robust;
  static constexpr heirlock_subject subject = make_subject<robust_mutex<rl_cs_release>>(
      "rseq-rl-cs",
      "robust list, unlocked by a transaction that an rseq_rl_cs descriptor declares");
  return &subject;
}
