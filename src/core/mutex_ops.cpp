// SPDX-License-Identifier: Apache-2.0
#include "src/core/mutex_ops.hpp"

#include "src/core/claim.hpp"
#include "src/core/entry.hpp"
#include "src/core/owner.hpp"
#include "src/core/process.hpp"
#include "src/sys/futex.hpp"

#include <cerrno>

// Everything on a mutex that does not wait: try_lock, the uncommon releases, consistency, recovery.
namespace heirlock::core {
namespace {

namespace bits = detail;

bell& own_bell(std::uint32_t number) noexcept {
  return *reinterpret_cast<bell*>(heirlock_self.bells + number * bits::bell_stride);
}

// Every release but the uncontended one of the lock that was acquired last. The order of things is that of unlock_fast.
void release(mutex_cells& mutex, std::uint64_t seen, std::uint64_t left) noexcept {
  bits::thread_self& self = heirlock_self;
  const std::uint32_t number = bits::bell_of(seen);
  bool ring = false;
  if (self.asymmetric == 0) {
    ring = (mutex.word.exchange(left, std::memory_order_release) & bits::waiters) !=
           0; // sync handover
  } else {
    mutex.word.store(left, std::memory_order_release); // sync handover, sync asymmetric
    std::atomic_signal_fence(std::memory_order_seq_cst);
    ring = own_bell(number).flag.load(std::memory_order_relaxed) != 0;
  }
  self.free_bells |= std::uint32_t{1} << number;
  // It may be the held one, found through another mapping of its memory. Should it be another that shares the bell, then
  // the held one is released here, too.
  if (number == bits::bell_of(self.mine)) self.held = nullptr;
  if (self.held == nullptr) choose_bell(self);
  if (ring) heirlock_ring_bell(number);
}

} // namespace

int init_mutex(mutex_cells& mutex, attached_domain* domain) noexcept {
  notice_fork();
  int error = 0;
  if (domain == nullptr) domain = default_domain(true, nullptr, error);
  if (domain == nullptr) return error;
  if (domain->header.load(std::memory_order_acquire) == nullptr) return EINVAL; // it was closed
  forget_held(mutex);
  mutex.word.store(bits::word_free, std::memory_order_relaxed);
  mutex.tail.store(0, std::memory_order_relaxed);
  mutex.domain_id.store(domain->id, std::memory_order_release);
  return 0;
}

int destroy_mutex(mutex_cells& mutex) noexcept {
  const std::uint32_t id = mutex.domain_id.load(std::memory_order_relaxed);
  if (id == 0) return EINVAL;
  const std::uint64_t word = mutex.word.load(std::memory_order_acquire);
  if (!is_free(word) && word != bits::word_not_recoverable) return EBUSY;
  mutex.domain_id.store(0, std::memory_order_relaxed);
  return 0;
}

int recover_mutex(mutex_cells& mutex, attached_domain* domain) noexcept {
  notice_fork();
  attached_domain* present = nullptr;
  if (const int error = domain_of(mutex, nullptr, present); error != EXDEV)
    return error == 0 ? EBUSY : error;
  int error = 0;
  if (domain == nullptr) domain = default_domain(true, nullptr, error);
  if (domain == nullptr) return error;
  if ((error = claim_seat(*domain, nullptr)) != 0) return error;
  mutex.tail.store(0, std::memory_order_relaxed);
  const std::uint64_t word = mutex.word.load(std::memory_order_acquire);
  const bool owned = !is_free(word) && word != bits::word_not_recoverable;
  if (owned) {
    bits::thread_self& self = heirlock_self;
    if (self.held != nullptr) set_aside(self);
    // Killed between the two stores: the word names a seat of the new table under the old id. The next
    // recover() finds an owner as well, which is the truth.
    mutex.word.store(self.mine | bits::inconsistent, std::memory_order_release);
    mutex.domain_id.store(domain->id, std::memory_order_release);
    set_aside(self);
    return EOWNERDEAD;
  }
  if (is_free(word)) mutex.word.store(bits::word_free, std::memory_order_relaxed);
  mutex.domain_id.store(domain->id, std::memory_order_release);
  return word == bits::word_not_recoverable ? ENOTRECOVERABLE : 0;
}

} // namespace heirlock::core

using namespace heirlock::core;

int heirlock_trylock_slow(mutex_cells* mutex, heirlock_inheritance inheritance) noexcept {
  attached_domain* domain = nullptr;
  // Claiming a seat may wait for other claims, never for the mutex.
  if (const int error = enter(*mutex, domain, nullptr)) return error;
  heirlock::detail::thread_self& self = heirlock_self;
  if (self.held != nullptr) set_aside(self);
  for (;;) {
    std::uint64_t word = mutex->word.load(std::memory_order_acquire);
    std::uint64_t wanted = self.mine;
    int result = 0;
    if (word == bits::word_not_recoverable) return ENOTRECOVERABLE;
    if (!is_free(word)) {
      if (!owner::well_formed(*domain, word)) return EINVAL;
      if (!owner(*domain, word).dead()) return EBUSY;
      if (inheritance == heirlock_decline) return EOWNERDEAD;
      wanted |= bits::inconsistent;
      result = EOWNERDEAD;
    }
    // sync handover
    if (!mutex->word.compare_exchange_strong(word, wanted, std::memory_order_acquire)) continue;
    if (result == 0) {
      self.held = mutex;
      return 0;
    }
    set_aside(self); // not for the fast release, which would not look whether it was repaired
    count(domain->counters().owner_deaths);
    return result;
  }
}

int heirlock_unlock_slow(mutex_cells* mutex) noexcept {
  notice_fork();
  heirlock::detail::thread_self& self = heirlock_self;
  if (self.held == mutex) self.held = nullptr; // its bell never ceased to count as free
  if (mutex->domain_id.load(std::memory_order_relaxed) != self.domain_id) {
    attached_domain* domain = nullptr;
    if (const int error = enter_as_owner(*mutex, domain)) return error;
  }
  const std::uint64_t seen = mutex->word.load(std::memory_order_relaxed);
  if (!owned_by_caller(seen)) return EPERM;
  // Overwritten: no lock has the queue's bell, and giving it back would give it to the next lock.
  if (bits::bell_of(seen) < bits::first_lock_bell) return EINVAL;
  // An owner that was told of a death and did not repair: nobody shall trust the data again.
  const std::uint64_t left = (seen & bits::inconsistent) != 0 ? bits::word_not_recoverable
                             : (seen & bits::starve) != 0     ? bits::word_reserved
                                                              : bits::word_free;
  release(*mutex, seen, left);
  return 0;
}

int heirlock_ring_bell(std::uint32_t number) noexcept {
  bell& rings = own_bell(number);
  // Only the owner clears the flag, and always before it wakes: a head that finds 0 here sets it anew and
  // then sees the release.
  if (heirlock_self.asymmetric != 0) rings.flag.store(0, std::memory_order_relaxed);
  heirlock::sys::wake_all(rings.flag);
  return 0;
}

int heirlock_mark_consistent(mutex_cells* mutex) noexcept {
  attached_domain* domain = nullptr;
  if (const int error = enter_as_owner(*mutex, domain)) return error;
  const std::uint64_t word = mutex->word.load(std::memory_order_relaxed);
  if (!owned_by_caller(word)) return EPERM;
  if ((word & bits::inconsistent) == 0) return EINVAL;
  // Atomic, because heads set their hints in the same word. The repair itself is ordered by the release.
  mutex->word.fetch_and(~bits::inconsistent, std::memory_order_relaxed);
  return 0;
}

// Asked before a lock that may have a deadline: it waits for nothing.
int heirlock_is_mine(const mutex_cells* mutex) noexcept {
  notice_fork();
  if (!is_aligned(*mutex)) return 0;
  // Of a domain that this process is not attached to, it owns nothing.
  const attached_domain* domain = find_domain(mutex->domain_id.load(std::memory_order_relaxed));
  return domain != nullptr && resume_seat(*domain) &&
         owned_by_caller(mutex->word.load(std::memory_order_relaxed));
}

int heirlock_recover(mutex_cells* mutex, heirlock_domain* domain) noexcept {
  return recover_mutex(*mutex, domain);
}

int heirlock_owner_tid(const mutex_cells* mutex, int* tid) noexcept {
  *tid = 0;
  attached_domain* domain = nullptr;
  notice_fork();
  if (const int error = domain_of(*mutex, nullptr, domain)) return error;
  const std::uint64_t word = mutex->word.load(std::memory_order_acquire);
  if (is_free(word) || word == bits::word_not_recoverable) return 0;
  if (!owner::well_formed(*domain, word)) return EINVAL;
  seat& holder = domain->seat_number(bits::seat_of(word));
  const auto thread = static_cast<int>(holder.thread.load(std::memory_order_relaxed));
  // ESRCH: the owner is dead, and its seat has gone to another thread since.
  if (holder.generation.load(std::memory_order_acquire) != bits::generation_of(word)) return ESRCH;
  *tid = thread;
  return 0;
}
