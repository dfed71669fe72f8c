// SPDX-License-Identifier: Apache-2.0
#include "src/core/claim.hpp"
#include "src/core/entry.hpp"
#include "src/core/owner.hpp"
#include "src/core/queue_place.hpp"
#include "src/core/spin.hpp"
#include "src/sys/membarrier.hpp"

#include "cpu_relax.hpp"

#include <cerrno>

// lock, when the mutex was not free at the first look. The numbers are those of docs/design.md.
//   1  spin a little, then take a place in the mutex's queue
//   2  a follower sleeps on its predecessor: bell 0, state of the place, generation
//   3  a death that was seen is passed on, because the kernel wakes only one of those who watch a bell
//   4  the head takes the mutex if it is free or its owner is dead; else it sleeps on the owner's bell
//   5  leave the queue and tell the follower
namespace heirlock::core {

int spin_pauses = 300;
std::int64_t starving_after_ns = 1000000;

namespace {

namespace bits = detail;

constexpr int shortest_gap = 8;
constexpr int longest_gap = 32;
constexpr int still_waiting = -1;
constexpr std::int64_t ns_per_ms = 1000000;

std::int64_t patience_clock() noexcept {
  return starving_after_ns == 0 ? 0 : sys::nanoseconds(sys::now(CLOCK_MONOTONIC));
}

class slow_lock {
 public:
  slow_lock(attached_domain& domain, mutex_cells& mutex, const sys::deadline* limit,
            heirlock_inheritance inheritance) noexcept
      : domain_(domain), mutex_(mutex), limit_(limit), inheritance_(inheritance),
        mine_(heirlock_self.mine),
        queue_(domain, bits::seat_of(mine_), queue_kind::waiters_of_mutex),
        watch_(domain, bits::seat_of(mine_), queue_kind::watchers_of_bell) {}

  int run() noexcept {
    count(domain_.counters().slow_locks);
    if (spin(false)) return own(0);
    queue_.enter(mutex_.tail);
    const int followed = follow();
    const int result = followed == still_waiting ? lead() : followed;
    watch_.leave();
    queue_.leave();
    return result;
  }

 private:
  // A wait ends at the caller's deadline, or at the backstop.
  enum class wait_end { woken, deadline, backstop };

  // False: and the word is what was found instead.
  bool take(std::uint64_t& free_word) noexcept {
    // sync handover
    return mutex_.word.compare_exchange_strong(free_word, mine_, std::memory_order_acquire);
  }

  // The mutex is ours. An inherited one is not for the fast release, which would not look whether it was repaired.
  int own(int result) noexcept {
    if (result == 0)
      heirlock_self.held = &mutex_;
    else
      set_aside(heirlock_self);
    return result;
  }

  bool spin(bool head) noexcept;
  int follow() noexcept;
  int lead() noexcept;
  int inherit(std::uint64_t word) noexcept;
  bool arm(bell& rings, std::uint64_t word, std::uint32_t& flag) noexcept;
  wait_end wait(sys::wait_set& sleep) noexcept;
  int give_up() noexcept;
  bool predecessor_is_stopped(const predecessor& before) noexcept;

  attached_domain& domain_;
  mutex_cells& mutex_;
  const sys::deadline* limit_;
  const heirlock_inheritance inheritance_;
  const std::uint64_t mine_;
  queue_place queue_;
  queue_place watch_;
  std::uint64_t word_at_backstop_ = bits::word_free;
  bool unbarred_ = false;  // no barrier could be had: a release may overlook this head's flag
  std::int64_t turns_ = 0; // of an unbarred head, since its last backstop
};

// True: taken. Gaps grow, so that many spinners do not keep the line from the owner, who needs it to release. Not even the
// first is short: an owner of short sections that keeps the line takes the mutex several times meanwhile, each time for
// less than one hand-over costs. While they are short a look is an attempt: a load would have to be followed by another transfer of the line before the mutex
// could be taken, and costs the owner its exclusive line all the same. Once a spinner has waited longer than others are
// likely to, it only reads.
bool slow_lock::spin(bool head) noexcept {
  constexpr std::uint64_t hints = bits::waiters | bits::starve | bits::inconsistent;
  std::uint64_t first = mutex_.word.load(std::memory_order_relaxed);
  for (int gap = shortest_gap, paused = 0; paused < spin_pauses;
       paused += gap, gap = gap < longest_gap ? gap * 2 : gap) {
    for (int i = 0; i < gap; ++i)
      sys::cpu_relax();
    std::uint64_t word =
        gap < longest_gap ? bits::word_free : mutex_.word.load(std::memory_order_relaxed);
    while (word == bits::word_free || (head && word == bits::word_reserved))
      if (take(word)) return true;
    if (word == bits::word_reserved) return false; // kept for heads: go and become one
    if (((word ^ first) & ~hints) != 0) {
      if (first != bits::word_free) return false; // it goes from owner to owner: queue
      first = word;
    }
  }
  return false;
}

slow_lock::wait_end slow_lock::wait(sys::wait_set& sleep) noexcept {
  const sys::deadline* limit = limit_;
  if (unbarred_ && (limit_ == nullptr || sys::remaining(*limit_) > sys::turn_ns)) {
    count(domain_.counters().sleeps_in_turns);
    const sys::deadline turn = sys::after(sys::turn_ns);
    const bool timed_out = sleep.sleep(&turn) == sys::wait_set::end::timed_out;
    const bool is_backstop = timed_out && domain_.backstop_ms != 0 &&
                             ++turns_ * sys::turn_ns >= domain_.backstop_ms * ns_per_ms;
    if (!is_backstop) return wait_end::woken; // or not: what matters is a look at the word
    turns_ = 0;
    count(domain_.counters().backstop_timeouts);
    return wait_end::backstop;
  }
  sys::deadline backstop{};
  bool by_caller = true;
  if (domain_.backstop_ms != 0) {
    const std::int64_t trust_ns = domain_.backstop_ms * ns_per_ms;
    if (limit_ == nullptr || sys::remaining(*limit_) > trust_ns) {
      backstop = sys::after(trust_ns);
      limit = &backstop;
      by_caller = false;
    }
  }
  if (!sys::has_wait_on_many()) count(domain_.counters().sleeps_in_turns);
  if (sleep.sleep(limit) != sys::wait_set::end::timed_out) return wait_end::woken;
  if (by_caller) return wait_end::deadline;
  count(domain_.counters().backstop_timeouts);
  return wait_end::backstop;
}

// One last try, in which a reserved mutex may be taken too: the reservation names no heir.
int slow_lock::give_up() noexcept {
  std::uint64_t word = mutex_.word.load(std::memory_order_relaxed);
  return is_free(word) && take(word) ? own(0) : ETIMEDOUT;
}

int slow_lock::follow() noexcept {
  predecessor before{};
  while (queue_.find_predecessor(before)) {
    sys::wait_set sleep;
    before.add_to(sleep);
    count(domain_.counters().follower_sleeps);
    const wait_end end = wait(sleep);
    // Step 3: the bell's other sleepers may be followers in the queues of other mutexes.
    if (before.died() && sys::wake_all(*before.bell_word) > 0) count(domain_.counters().relays);
    if (end == wait_end::deadline) return give_up();
    if (end == wait_end::backstop && predecessor_is_stopped(before)) {
      queue_.lead();
      break;
    }
  }
  return still_waiting;
}

// The backstop of a follower. True: the predecessor lives but does not do its part; lead in its stead.
bool slow_lock::predecessor_is_stopped(const predecessor& before) noexcept {
  if (before.changed()) {
    count(domain_.counters().rescued_wakes);
    return false;
  }
  if (reclaim_if_dead(domain_, *before.holder, before.generation, limit_)) return false;
  const std::uint64_t word = mutex_.word.load(std::memory_order_acquire);
  bool idle = is_free(word);
  if (!idle && word != bits::word_not_recoverable && owner::well_formed(domain_, word))
    idle = owner(domain_, word).dead();
  // The mutex moves on, yet our predecessor did not in a whole backstop.
  const bool bypassed = word_at_backstop_ != bits::word_free && word != word_at_backstop_;
  word_at_backstop_ = word;
  if (!idle && !bypassed) return false;
  count(domain_.counters().stopped_predecessors);
  return true;
}

// Makes sure that the owner's release will ring, and says what its flag must still be when we sleep.
// False: the word has changed, look again. RMW mode: WAITERS is in the word that was compared; done.
bool slow_lock::arm(bell& rings, std::uint64_t word, std::uint32_t& flag) noexcept {
  flag = 0;
  if (!domain_.asymmetric) return true;
  flag = rings.flag.load(std::memory_order_acquire);
  if (flag == 0) {
    // A value that was never used before: were it a constant, an owner could clear it and another head set
    // it again between our look at the word and our sleep, and the wake in between would be lost.
    seat& own_seat = domain_.seat_number(bits::seat_of(mine_));
    const std::uint32_t value = ticket_of(
        bits::seat_of(mine_), own_seat.flag_values.fetch_add(1, std::memory_order_relaxed) + 1);
    if (rings.flag.compare_exchange_strong(flag, value, std::memory_order_seq_cst)) flag = value;
  }
  // sync asymmetric: either the owner's load of the flag comes after our store, and it rings; or its store
  // of the word comes before our load below, and we see it.
  if (!sys::barrier_everywhere()) unbarred_ = true;
  return mutex_.word.load(std::memory_order_acquire) == word;
}

// The owner of this word is dead.
int slow_lock::inherit(std::uint64_t word) noexcept {
  if (inheritance_ == heirlock_decline) {
    count(domain_.counters().owner_deaths);
    return EOWNERDEAD;
  }
  if (!mutex_.word.compare_exchange_strong(word, mine_ | bits::inconsistent,
                                           std::memory_order_acquire))
    return still_waiting;
  count(domain_.counters().owner_deaths);
  return own(EOWNERDEAD);
}

int slow_lock::lead() noexcept {
  const std::uint64_t set_by_heads = domain_.asymmetric ? 0 : bits::waiters;
  const bell* watched = nullptr;
  const std::int64_t leads_since = patience_clock();
  bool starving = false;
  for (;;) {
    std::uint64_t word = mutex_.word.load(std::memory_order_acquire);
    if (is_free(word)) {
      if (take(word)) return own(0);
      continue;
    }
    if (word == bits::word_not_recoverable) return ENOTRECOVERABLE;
    if (!owner::well_formed(domain_, word)) return EINVAL;
    const owner now(domain_, word);
    if (now.dead()) {
      if (const int result = inherit(word); result != still_waiting) return result;
      continue;
    }
    // Fairness: who starves asks for the next release to be kept for heads, before it spins.
    std::uint64_t wanted = word | set_by_heads | (starving ? bits::starve : 0);
    if (starving && wanted != word) {
      if (!mutex_.word.compare_exchange_strong(word, wanted, std::memory_order_seq_cst)) continue;
      word = wanted;
    }
    if (spin(true)) return own(0);

    bell& rings = now.rings();
    if (watch_.entered() && watched != &rings) watch_.leave();
    if (!watch_.entered()) {
      watch_.enter(rings.tail);
      watched = &rings;
    }
    predecessor before{};
    const bool first = !watch_.find_predecessor(before);
    if (wanted != word) {
      if (!mutex_.word.compare_exchange_strong(word, wanted, std::memory_order_seq_cst)) continue;
      word = wanted;
    }
    std::uint32_t flag = 0;
    if (!arm(rings, word, flag)) continue;

    // The flag first: it is what a release wakes. Of the watchers of one bell only the first sleeps on the
    // word that the kernel marks and wakes; were there two, the kernel could wake the one that is killed next.
    sys::wait_set sleep;
    sleep.add(rings.flag, flag);
    sleep.add_low_half(mutex_.word, bits::low_half_of(word));
    sleep.add(now.holder().generation, now.generation());
    if (first)
      sleep.add(rings.word(), now.bell_value());
    else
      before.add_to(sleep);
    count(domain_.counters().head_sleeps);
    const wait_end end = wait(sleep);
    starving = patience_clock() - leads_since >= starving_after_ns;
    if (now.died_since() && sys::wake_all(rings.flag) > 0) count(domain_.counters().relays);
    if (end == wait_end::deadline) return give_up();
    if (end == wait_end::backstop) {
      if (!first && now.died_since() && !before.changed())
        // The kernel's wake went to the first watcher, which lives but does not pass it on.
        count(domain_.counters().stopped_predecessors);
      else if (now.died_since() || mutex_.word.load(std::memory_order_acquire) != word ||
               (!first && before.changed()))
        count(domain_.counters().rescued_wakes);
      else if (!reclaim_if_dead(domain_, now.holder(), now.generation(), limit_) && !first)
        reclaim_if_dead(domain_, *before.holder, before.generation, limit_);
    }
  }
}

} // namespace
} // namespace heirlock::core

using namespace heirlock::core;

int heirlock_lock_slow(mutex_cells* mutex, int clock, const timespec* until,
                       heirlock_inheritance inheritance) noexcept {
  heirlock::sys::deadline limit{};
  if (until != nullptr) {
    if (until->tv_nsec < 0 || until->tv_nsec >= heirlock::sys::nanoseconds_per_second ||
        (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME))
      return EINVAL;
    limit = {clock, *until};
    // The kernel refuses times before the epoch; they have passed all the same.
    if (limit.at.tv_sec < 0) limit.at = {0, 0};
  }
  const heirlock::sys::deadline* limit_or_none = until != nullptr ? &limit : nullptr;
  attached_domain* domain = nullptr;
  if (const int error = enter(*mutex, domain, limit_or_none)) return error;
  // The fast path may have failed for want of a seat only.
  if (heirlock::detail::lock_fast(*mutex)) return 0;
  if (owned_by_caller(mutex->word.load(std::memory_order_relaxed))) return EDEADLK;
  if (heirlock_self.held != nullptr) set_aside(heirlock_self);
  return slow_lock(*domain, *mutex, limit_or_none, inheritance).run();
}
