// SPDX-License-Identifier: Apache-2.0
// Subject `robust-list`: the baseline. The same lock as `rseq-rl-cs`, released in the classic way.
#include "lab/protocols/robust_list/classic_release.hpp"
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/robust_list/subject_adapter.hpp"

const heirlock_subject* heirlock_subject_entry() {
  using namespace heirlock::lab::robust;
  static constexpr heirlock_subject subject = make_subject<robust_mutex<classic_release>>(
      "robust-list",
      "robust list with the classic unlock: exchange, wake, clear the pending operation");
  return &subject;
}
