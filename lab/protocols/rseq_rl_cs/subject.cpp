// SPDX-License-Identifier: Apache-2.0
// Subject `rseq-rl-cs`: a robust mutex whose unlock is the transaction of the proposal. It needs a kernel that
// honours the descriptors: under the policy `stock` it has the same window as `robust-list`.
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/rseq_rl_cs/rl_cs_release.hpp"
#include "lab/protocols/subject_entry.hpp"

namespace {

using mutex = heirlock::lab::robust::robust_mutex<heirlock::lab::robust::rl_cs_release>;

mutex& at(void* lock) {
  return *static_cast<mutex*>(lock);
}

// Names without C++ decoration: they are what the audit's reports show.
extern "C" {
int rseq_rl_cs_thread_enter() {
  return mutex::thread_enter();
}
int rseq_rl_cs_init(void* lock) {
  return at(lock).init(), 0;
}
int rseq_rl_cs_lock(void* lock) {
  return at(lock).lock();
}
int rseq_rl_cs_trylock(void* lock) {
  return at(lock).trylock();
}
int rseq_rl_cs_timedlock(void* lock, const timespec* deadline) {
  return at(lock).timedlock(*deadline);
}
int rseq_rl_cs_unlock(void* lock) {
  return at(lock).unlock();
}
int rseq_rl_cs_consistent(void* lock) {
  return at(lock).consistent();
}
int rseq_rl_cs_destroy(void* lock) {
  return at(lock).destroy();
}
pid_t rseq_rl_cs_owner(const void* lock) {
  return static_cast<const mutex*>(lock)->owner();
}
}

constexpr heirlock_subject subject = {
    HEIRLOCK_SUBJECT_ABI,
    sizeof(mutex),
    "rseq-rl-cs",
    "robust list, unlocked by a transaction that an rseq_rl_cs descriptor declares",
    rseq_rl_cs_thread_enter,
    rseq_rl_cs_init,
    rseq_rl_cs_lock,
    rseq_rl_cs_trylock,
    rseq_rl_cs_timedlock,
    rseq_rl_cs_unlock,
    rseq_rl_cs_consistent,
    rseq_rl_cs_destroy,
    rseq_rl_cs_owner,
};

} // namespace

const heirlock_subject* heirlock_subject_entry() {
  return &subject;
}

const char* heirlock_subject_policy() {
  return "rseq-rl-cs";
}
