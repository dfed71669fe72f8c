// SPDX-License-Identifier: Apache-2.0
// A lock with the classic unlock, in a thread that has once unlocked another one by a transaction whose code and
// descriptor are gone, as when a library is unloaded: the descriptor's memory is in another use by now, and reads as a
// range that covers everything. A thread that has withdrawn the descriptor (step 7) need not care.
#include "lab/protocols/robust_list/classic_release.hpp"
#include "lab/protocols/subject_table.hpp"
#include "tests/lab/protocols/variants/used_thread.hpp"

namespace {

struct mutex : heirlock::lab::robust::robust_mutex<heirlock::lab::robust::classic_release> {
  static int thread_enter() noexcept {
    if (const int error = heirlock::lab::variants::enter_and_use_another(); error != 0)
      return error;
    volatile rseq_rl_cs& gone = const_cast<volatile rseq_rl_cs&>(__start___rseq_rl_cs[0]);
    gone.post_cond_store_ip = 0;
    gone.post_success_ip = 0;
    gone.post_clear_op_pending_ip = UINT64_MAX;
    return 0;
  }
};

} // namespace

HEIRLOCK_PROTOCOL_SUBJECT_UNDER("rseq-rl-cs", reused_descriptor, mutex, "reused-descriptor",
                                "the classic unlock, after a transaction whose descriptor is gone")
