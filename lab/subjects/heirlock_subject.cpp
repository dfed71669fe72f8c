// SPDX-License-Identifier: Apache-2.0
// heirlock and heirlock-asymmetric: the library's mutex through its C interface, in both unlock modes; and
// heirlock-recursive. The functions do nothing but jump into the static library, so that its shipped code is what is
// audited.
#include <heirlock/detail/fast_path.hpp>
#include <heirlock/heirlock.h>

#include <errno.h>
#include <unistd.h>

#include "lab/subjects/builtin_tables.h"
#include "lab/subjects/heirlock_domain.hpp"
#include "lab/subjects/untimed_waits.hpp"
#include "src/core/spin.hpp"

namespace {

// More than the instrument has actors.
constexpr std::uint32_t room_for_threads = 16;

// Two rounds of the spin, a short and a longer one: the code that users get, on a path that is not mostly pauses.
constexpr int few_spin_pauses = 3;

// Of this run, and of all processes that are forked for it. Never the user's default domain.
heirlock_domain_t* domain = nullptr;

// Where it is on, it is short: every run waits for it.
constexpr std::uint32_t short_backstop_ms = 5;

int open_anew(heirlock_unlock_mode mode, std::uint32_t backstop_ms) {
  heirlock::core::spin_pauses = few_spin_pauses;
  heirlock::core::starving_after_ns = 0;
  return heirlock::lab::open_subject_domain(mode, room_for_threads, backstop_ms);
}

// The backstop is off, and the kernel sees to it that it is: it cannot be what wakes a waiter.
int prepare_rmw() {
  return open_anew(HEIRLOCK_UNLOCK_RMW, 0);
}
int prepare_asymmetric() {
  return open_anew(HEIRLOCK_UNLOCK_ASYMMETRIC, 0);
}
int prepare_rmw_with_backstop() {
  return open_anew(HEIRLOCK_UNLOCK_RMW, short_backstop_ms);
}
int prepare_asymmetric_with_backstop() {
  return open_anew(HEIRLOCK_UNLOCK_ASYMMETRIC, short_backstop_ms);
}

int enter_thread() {
  return heirlock_thread_attach(domain);
}

heirlock_mutex_t* mutex_at(void* lock) {
  return static_cast<heirlock_mutex_t*>(lock);
}

int init_as(void* lock, heirlock_mutex_type type) {
  heirlock_mutexattr_t attributes;
  int error = heirlock_mutexattr_init(&attributes);
  if (error == 0) error = heirlock_mutexattr_settype(&attributes, type);
  if (error == 0) error = heirlock_mutexattr_setdomain(&attributes, domain);
  if (error == 0) error = heirlock_mutex_init(mutex_at(lock), &attributes);
  return error;
}
int init_it(void* lock) {
  return init_as(lock, HEIRLOCK_MUTEX_NORMAL);
}
int init_recursive(void* lock) {
  return init_as(lock, HEIRLOCK_MUTEX_RECURSIVE);
}
int lock_it(void* lock) {
  return heirlock_mutex_lock(mutex_at(lock));
}
int trylock_it(void* lock) {
  return heirlock_mutex_trylock(mutex_at(lock));
}
int timedlock_it(void* lock, const timespec* deadline) {
  return heirlock_mutex_timedlock(mutex_at(lock), deadline);
}
int unlock_it(void* lock) {
  return heirlock_mutex_unlock(mutex_at(lock));
}
int consistent_it(void* lock) {
  return heirlock_mutex_consistent(mutex_at(lock));
}
int destroy_it(void* lock) {
  return heirlock_mutex_destroy(mutex_at(lock));
}

// The word names a seat; the seat knows the TID.
pid_t owner_of(const void* lock) {
  int tid = 0;
  const int error =
      heirlock_owner_tid(static_cast<const heirlock::detail::mutex_cells*>(lock), &tid);
  return error == 0 ? tid : -1; // an owner that is dead and whose seat has another holder
}

constexpr heirlock_subject subject_in(const char* name, const char* summary,
                                      int (*init)(void*) = init_it) {
  heirlock_subject subject = {};
  subject.abi = HEIRLOCK_SUBJECT_ABI;
  subject.size = sizeof(heirlock_mutex_t);
  subject.name = name;
  subject.summary = summary;
  subject.thread_enter = enter_thread;
  subject.init = init;
  subject.lock = lock_it;
  subject.trylock = trylock_it;
  subject.timedlock = timedlock_it;
  subject.unlock = unlock_it;
  subject.consistent = consistent_it;
  subject.destroy = destroy_it;
  subject.owner = owner_of;
  subject.refuses_others = 1;
  return subject;
}

} // namespace

namespace heirlock::lab {

int open_subject_domain(heirlock_unlock_mode mode, std::uint32_t threads,
                        std::uint32_t backstop_ms) {
  // What was refused once stays so, in this process and those that are forked from it.
  if (backstop_ms != 0 && timed_waits_are_refused()) return EBUSY;
  if (domain != nullptr) {
    if (const int error = heirlock_domain_close(domain)) return error;
    domain = nullptr;
  }
  const int file = heirlock_domain_memfd(nullptr);
  if (file < 0) return ENOTSUP;
  heirlock_domain_options_t options = HEIRLOCK_DOMAIN_OPTIONS_INIT;
  options.descriptor = file;
  options.threads = threads;
  options.unlock_mode = mode;
  options.flags = HEIRLOCK_DOMAIN_BACKSTOP;
  options.backstop_ms = backstop_ms;
  int error = heirlock_domain_open(&options, &domain, nullptr);
  close(file); // the domain has a description of its own
  if (error == 0 && backstop_ms == 0) error = refuse_timed_waits();
  return error;
}

heirlock_domain_t* subject_domain() {
  return domain;
}

} // namespace heirlock::lab

const heirlock_subject heirlock_own_subjects[] = {
    subject_in("heirlock", "heirlock's mutex; a release is one atomic exchange"),
    subject_in("heirlock-asymmetric",
               "heirlock's mutex; a release is a plain store, and waiters run the barrier"),
    subject_in("heirlock-recursive", "heirlock's recursive mutex", init_recursive),
};

const unsigned heirlock_own_subject_count =
    sizeof heirlock_own_subjects / sizeof heirlock_own_subjects[0];

int (*heirlock_own_prepare(const heirlock_subject* builtin, int with_backstop))() {
  if (builtin == &heirlock_own_subjects[0] || builtin == &heirlock_own_subjects[2])
    return with_backstop != 0 ? prepare_rmw_with_backstop : prepare_rmw;
  if (builtin == &heirlock_own_subjects[1])
    return with_backstop != 0 ? prepare_asymmetric_with_backstop : prepare_asymmetric;
  return nullptr;
}
