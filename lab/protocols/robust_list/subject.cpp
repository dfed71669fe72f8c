// SPDX-License-Identifier: Apache-2.0
// Subject `robust-list`: the baseline. The same lock as `rseq-rl-cs`, released in the classic way.
#include "lab/protocols/robust_list/classic_release.hpp"
#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/subject_entry.hpp"

namespace {

using mutex = heirlock::lab::robust::robust_mutex<heirlock::lab::robust::classic_release>;

mutex& at(void* lock) {
  return *static_cast<mutex*>(lock);
}

// Names without C++ decoration: they are what the audit's reports show.
extern "C" {
int robust_list_thread_enter() {
  return mutex::thread_enter();
}
int robust_list_init(void* lock) {
  return at(lock).init(), 0;
}
int robust_list_lock(void* lock) {
  return at(lock).lock();
}
int robust_list_trylock(void* lock) {
  return at(lock).trylock();
}
int robust_list_timedlock(void* lock, const timespec* deadline) {
  return at(lock).timedlock(*deadline);
}
int robust_list_unlock(void* lock) {
  return at(lock).unlock();
}
int robust_list_consistent(void* lock) {
  return at(lock).consistent();
}
int robust_list_destroy(void* lock) {
  return at(lock).destroy();
}
pid_t robust_list_owner(const void* lock) {
  return static_cast<const mutex*>(lock)->owner();
}
}

constexpr heirlock_subject subject = {
    HEIRLOCK_SUBJECT_ABI,
    sizeof(mutex),
    "robust-list",
    "robust list with the classic unlock: exchange, wake, clear the pending operation",
    robust_list_thread_enter,
    robust_list_init,
    robust_list_lock,
    robust_list_trylock,
    robust_list_timedlock,
    robust_list_unlock,
    robust_list_consistent,
    robust_list_destroy,
    robust_list_owner,
};

} // namespace

const heirlock_subject* heirlock_subject_entry() {
  return &subject;
}
