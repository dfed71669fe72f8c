// SPDX-License-Identifier: Apache-2.0
#include "src/core/claim.hpp"

#include "src/core/claim_lock.hpp"
#include "src/core/process.hpp"
#include "src/sys/file.hpp"
#include "src/sys/futex.hpp"
#include "src/sys/membarrier.hpp"

#include <cerrno>

// Steps of claim, all under the claim lock:
//   C1  the process takes a liveness number that was never used before and locks its byte, once
//   C2  find a seat of which every bell is free or dead
//   C3  generation + 1: words and sleepers of the last holder are recognised from here on
//   C4  places that the last holder left waiting: gave_up
//   C5  lock each bell, make it consistent, clear its flag, set FUTEX_WAITERS, wake who watched its death
//   C6  wake who watches the generation; release fence
// A claimer that is killed anywhere leaves some bells dead and the others free: C2 finds the seat again.
//
// Steps of detach, under the claim lock as well:
//   D1  places waiting -> done    D2  unlock each bell and wake all who watch it, last to first
// Without the lock, a bell that is unlocked here could be claimed at once by a thread with the same TID in
// another PID namespace while our list_op_pending still points at it; our death would then mark it.
namespace heirlock::core {
namespace {

using detail::thread_self;

bool is_vacant(seat& candidate) noexcept {
  for (bell& each : candidate.bells)
    if (sys::is_held(each.word().load(std::memory_order_acquire))) return false;
  return true;
}

void end_waiting_places(seat& holder, place_state as) noexcept {
  for (ring& places : holder.places)
    for (node& place : places.nodes) {
      const std::uint32_t state = place.state.load(std::memory_order_relaxed);
      // The predecessor stays: followers splice themselves past this place with it.
      if (state_of(state) == place_state::waiting)
        place.state.store(with_sequence(as, state), std::memory_order_seq_cst);
    }
}

// C1
int join(attached_domain& domain) noexcept {
  if (domain.process != 0) return 0;
  domain_header& header = *domain.header.load(std::memory_order_relaxed);
  if (domain.asymmetric) {
    // A child has to register again; so that a refusal leaves it outside.
    if (const int error = sys::register_for_barriers()) return error;
  }
  // After 2^32 processes the numbers come again: one that a living process has is passed over, not waited for.
  int error = sys::taken;
  while (error == sys::taken) {
    const std::uint32_t number = header.processes.fetch_add(1, std::memory_order_relaxed) + 1;
    if (number == 0) continue;
    error = lock_for_life(domain, liveness_bytes + number);
    if (error == 0) domain.process = number;
  }
  return error;
}

// C5. trylock never blocks and never fails here: the word is free or dead, and only holders of the claim
// lock change that.
bool take_bell(bell& taken) noexcept {
  const int result = pthread_mutex_trylock(&taken.mutex);
  if (result != 0 && result != EOWNERDEAD) return false;
  if (result == EOWNERDEAD) pthread_mutex_consistent(&taken.mutex);
  taken.flag.store(0, std::memory_order_relaxed);
  taken.word().fetch_or(FUTEX_WAITERS, std::memory_order_seq_cst);
  if (result == EOWNERDEAD) sys::wake_all(taken.word());
  return true;
}

// Of the description of the current seat, what follows from identity and free bells.
void seat_becomes_current(const attached_domain& domain, seat& taken) noexcept {
  thread_self& self = heirlock_self;
  self.held = nullptr;
  self.bells = reinterpret_cast<unsigned char*>(taken.bells);
  self.asymmetric = domain.asymmetric;
  self.slot = slot_of(domain);
  choose_bell(self);
  self.domain_id = domain.id;
}

bool take_seat(attached_domain& domain, std::uint32_t number) noexcept {
  seat& taken = domain.seat_number(number);
  // C3. 0 is no generation: it says "no seat" in thread_self.
  std::uint32_t generation = taken.generation.load(std::memory_order_relaxed) + 1;
  if (generation == 0) generation = 1;
  // sync generation: who reads the new one knows that the last holder is dead, with all it did before.
  taken.generation.store(generation, std::memory_order_seq_cst);
  taken.process.store(domain.process, std::memory_order_relaxed);
  taken.thread.store(static_cast<std::uint32_t>(sys::thread_id()), std::memory_order_relaxed);
  end_waiting_places(taken, place_state::gave_up); // C4
  // sync generation: libc's trylock need not release anything. Who reads a bell that C5 has locked reads the
  // new generation after it, and the states of C4.
  std::atomic_thread_fence(std::memory_order_release);
  // The last first: libc puts each at the head of the kernel's list, so that at death the bells of the mutex queue and of
  // the first held lock are the first to be marked.
  for (unsigned i = bell_count; i-- > 0;)
    if (!take_bell(taken.bells[i])) {
      while (++i < bell_count)
        pthread_mutex_unlock(&taken.bells[i].mutex);
      return false;
    }
  remember_robust_list();
  sys::wake_all(taken.generation); // C6
  // sync seated: every word that names this seat is stored after this fence, so whoever reads such a word
  // with acquire finds this generation, and bells that are held.
  std::atomic_thread_fence(std::memory_order_release);

  thread_self& self = heirlock_self;
  self.free_bells = detail::all_lock_bells;
  self.identity = detail::identity_of(number, generation);
  seat_becomes_current(domain, taken);
  return true;
}

// C2
bool take_any_seat(attached_domain& domain) noexcept {
  domain_header& header = *domain.header.load(std::memory_order_relaxed);
  const std::uint32_t start = header.next_claim.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < domain.seat_count; ++i) {
    const std::uint32_t index = (start + i) % domain.seat_count;
    if (!is_vacant(domain.seats[index]) || !take_seat(domain, index + 1)) continue;
    header.next_claim.store((index + 1) % domain.seat_count, std::memory_order_relaxed);
    count(header.counters.claims);
    return true;
  }
  return false;
}

bool process_is_dead(int descriptor, std::uint32_t process) noexcept {
  return sys::byte_is_locked(descriptor, liveness_bytes + process) == 0;
}

bool holder_is_dead(attached_domain& domain, seat& asked) noexcept {
  const std::uint32_t process = asked.process.load(std::memory_order_relaxed);
  if (process == domain.process)
    return !sys::thread_exists(static_cast<pid_t>(asked.thread.load(std::memory_order_relaxed)));
  const int descriptor = open_anew(domain);
  if (descriptor < 0) return false; // nobody is declared dead for want of a descriptor
  const bool dead = process_is_dead(descriptor, process);
  sys::close_file(descriptor);
  return dead;
}

// A full domain: seats may belong to processes that died without the kernel marking them.
bool reclaim_unmarked(attached_domain& domain) noexcept {
  bool any = false;
  for (std::uint32_t number = 1; number <= domain.seat_count; ++number) {
    seat& asked = domain.seat_number(number);
    if (is_vacant(asked) || !holder_is_dead(domain, asked)) continue;
    mark_dead(asked);
    count(domain.counters().rescued_deaths);
    any = true;
  }
  return any;
}

// Does the work under both locks.
template <class Work>
int under_claim_lock(attached_domain& domain, const sys::deadline* limit, Work work) noexcept {
  for (claim_wait turn(limit);;) {
    {
      process_lock inside(limit);
      if (!inside.held()) return ETIMEDOUT;
      if (domain.header.load(std::memory_order_relaxed) == nullptr) return EINVAL; // it was closed
      claim_lock alone(domain);
      if (alone.error() == 0) return work();
      if (alone.error() != sys::taken) return alone.error();
    }
    if (!turn.wait([&]() noexcept { return open_anew(domain); })) return ETIMEDOUT;
  }
}

// D1, D2
int give_back(attached_domain& domain) noexcept {
  seat& left = domain.seat_number(detail::seat_of(heirlock_self.identity));
  // Before D2: nothing may use the seat from the first unlocked bell on, not even a signal handler.
  heirlock_self.domain_id = detail::no_domain;
  heirlock_self.held = nullptr;
  end_waiting_places(left, place_state::done);
  for (unsigned i = bell_count; i-- > 0;) {
    pthread_mutex_unlock(&left.bells[i].mutex);
    sys::wake_all(left.bells[i].word());
    sys::wake_all(left.bells[i].flag);
  }
  count(domain.counters().detaches);
  return 0;
}

// The current seat's description makes room for another; the parked record keeps what cannot be recomputed.
void park_current() noexcept {
  thread_self& self = heirlock_self;
  if (self.domain_id == detail::no_domain) return;
  if (self.held != nullptr) set_aside(self);
  self.parked[self.slot] = {detail::generation_of(self.identity),
                            static_cast<std::uint16_t>(detail::seat_of(self.identity)),
                            static_cast<std::uint16_t>(self.free_bells)};
  self.domain_id = detail::no_domain;
}

} // namespace

bool resume_seat(const attached_domain& domain) noexcept {
  thread_self& self = heirlock_self;
  if (self.domain_id == domain.id) return true;
  const detail::parked_seat there = self.parked[slot_of(domain)];
  if (there.generation == 0) return false;
  park_current();
  self.parked[slot_of(domain)] = {0, 0, 0};
  self.free_bells = there.free_bells;
  self.identity = detail::identity_of(there.number, there.generation);
  seat_becomes_current(domain, domain.seats[there.number - 1]);
  return true;
}

int claim_seat(attached_domain& domain, const sys::deadline* limit) noexcept {
  if (resume_seat(domain)) return 0;
  return under_claim_lock(domain, limit, [&]() noexcept {
    if (const int error = join(domain)) return error;
    park_current();
    if (take_any_seat(domain)) return 0;
    if (reclaim_unmarked(domain) && take_any_seat(domain)) return 0;
    return EAGAIN;
  });
}

int detach_seat(attached_domain& domain) noexcept {
  notice_fork();
  if (domain.header.load(std::memory_order_acquire) == nullptr) return EINVAL; // it was closed
  if (!resume_seat(domain)) return 0;
  return under_claim_lock(domain, nullptr, [&]() noexcept { return give_back(domain); });
}

void mark_dead(seat& gone) noexcept {
  for (bell& each : gone.bells) {
    const std::uint32_t word = each.word().load(std::memory_order_acquire);
    // sync death, in the kernel's stead.
    if (sys::is_held(word))
      each.word().store((word & FUTEX_WAITERS) | FUTEX_OWNER_DIED, std::memory_order_seq_cst);
    sys::wake_all(each.word());
  }
}

bool reclaim_if_dead(attached_domain& domain, seat& asked, std::uint32_t generation,
                     const sys::deadline* limit) noexcept {
  if (asked.generation.load(std::memory_order_acquire) != generation) return true;
  if (!holder_is_dead(domain, asked)) return false;
  return under_claim_lock(domain, limit, [&]() noexcept {
           // A thread of this process may have exited in the ordinary way since it was asked about: then it is marked.
           if (asked.generation.load(std::memory_order_acquire) == generation &&
               !is_vacant(asked)) {
             mark_dead(asked);
             count(domain.counters().rescued_deaths);
           }
           return 0;
         }) == 0;
}

} // namespace heirlock::core
