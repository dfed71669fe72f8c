// SPDX-License-Identifier: Apache-2.0
// What the workers do. Each store below is ordered as written (sequentially consistent atomics), so that what a thread
// leaves behind is a prefix of this program.
#include "lab/storm/worker.hpp"

#include <errno.h>
#include <time.h>
#include <unistd.h>

namespace heirlock::lab::storm {
namespace {

constexpr unsigned longest_deadline_us = 2000;

timespec realtime_in(unsigned microseconds) {
  timespec at = {};
  clock_gettime(CLOCK_REALTIME, &at);
  at.tv_nsec += static_cast<long>(microseconds) * 1000;
  if (at.tv_nsec >= 1'000'000'000) {
    at.tv_nsec -= 1'000'000'000;
    ++at.tv_sec;
  }
  return at;
}

void pause_for(unsigned microseconds) {
  const timespec delay = {0, static_cast<long>(microseconds) * 1000};
  nanosleep(&delay, nullptr);
}

} // namespace

worker::worker(const workplace& at, unsigned place, unsigned thread, std::uint32_t serial)
    : at_(at), shared_(*at.shared), record_(shared_.threads[place][thread]), place_(place),
      thread_(thread), life_(life_of(serial, thread)), held_{{0, occupancy(0)}, {0, occupancy(0)}},
      random_state_((std::uint64_t{shared_.chosen.seed} << 32 | life_) * 0x9e3779b97f4a7c15u + 1) {}

unsigned worker::random(unsigned below) {
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  random_state_ ^= random_state_ << 17;
  return static_cast<unsigned>((random_state_ >> 32) % below);
}

void worker::note(unsigned depth, holding what) {
  record_.holdings[depth].store(what.raw());
  record_.steps.store(record_.steps.load(std::memory_order_relaxed) + 1);
}

void worker::note(activity what) {
  record_.now.store(what);
  record_.steps.store(record_.steps.load(std::memory_order_relaxed) + 1);
}

event* worker::next_event() {
  const std::uint64_t number = shared_.logged.fetch_add(1);
  return number < log_size ? &shared_.log[number] : nullptr;
}

void worker::log(event_kind kind, unsigned lock, occupancy before, occupancy mine,
                 bool before_was_dead) {
  event* const e = next_event();
  if (e == nullptr) return;
  e->lock = static_cast<std::uint8_t>(lock);
  e->before_was_dead = before_was_dead;
  e->before = before.raw();
  e->mine = mine.raw();
  e->kind.store(kind);
}

void worker::log_code(subject_step step, unsigned lock, int code) {
  event* const e = next_event();
  if (e == nullptr) return;
  e->lock = static_cast<std::uint8_t>(lock);
  e->step = step;
  e->code = code;
  e->mine = life_;
  e->kind.store(event_kind::unexpected);
}

bool worker::claim() {
  note(activity::claiming);
  const int error = at_.subject->thread_enter != nullptr ? at_.subject->thread_enter() : 0;
  if (error != 0) log_code(subject_step::thread_enter, 0, error);
  note(error == 0 ? activity::idle : activity::gone);
  return error == 0;
}

void worker::run() {
  for (unsigned depth = 0; depth < deepest; ++depth)
    note(depth, holding());
  record_.tid.store(static_cast<std::uint32_t>(gettid()));
  record_.now.store(activity::claiming);
  record_.life.store(life_); // last: from here on the record is this life's
  if (!claim()) return;
  for (;;) {
    if (const std::uint32_t drain = shared_.drain.load()) {
      park(drain);
    } else if (!turn()) {
      note(activity::gone);
      return;
    }
  }
}

// Holds nothing and wants nothing until the controller goes on.
void worker::park(std::uint32_t drain) {
  if (shared_.sweep.load() == drain && record_.parked_for.load() != drain) sweep();
  note(activity::parked);
  record_.parked_for.store(drain);
  while (shared_.drain.load() == drain)
    pause_for(50);
  note(activity::idle);
}

// A death of which nobody has been told yet must be told now.
void worker::sweep() {
  for (unsigned lock = 0; lock < lock_count; ++lock)
    if (enter(0, lock, false)) leave(0);
}

bool worker::turn() {
  const settings& s = shared_.chosen;
  const unsigned outer = random(lock_count);
  if (enter(0, outer, true)) {
    section();
    if (s.has(way::nested) && outer + 1 < lock_count && random(2) == 0) {
      const unsigned inner = outer + 1 + random(lock_count - outer - 1);
      if (enter(1, inner, true)) {
        section();
        if (leaves_for_good(1)) return false;
        leave(1);
      }
    }
    if (leaves_for_good(0)) return false;
    leave(0);
  }
  if (s.has(way::detach) && random(64) == 0) detach();
  think();
  return true;
}

void worker::detach() {
  note(activity::claiming);
  if (const int error = at_.hooks->thread_leave()) log_code(subject_step::thread_leave, 0, error);
  claim();
}

int worker::attempt(guarded& g, bool may_give_up, subject_step& step) {
  const settings& s = shared_.chosen;
  const unsigned choice = may_give_up ? random(8) : 7;
  if (choice < 2 && s.has(way::tried)) {
    step = subject_step::trylock;
    return at_.subject->trylock(g.object);
  }
  if (choice < 4 && s.has(way::timed)) {
    step = subject_step::timedlock;
    const timespec deadline = realtime_in(random(longest_deadline_us));
    return at_.subject->timedlock(g.object, &deadline);
  }
  step = subject_step::lock;
  return at_.subject->lock(g.object);
}

bool worker::enter(unsigned depth, unsigned lock, bool may_give_up) {
  guarded& g = shared_.locks[lock];
  note(depth, holding(phase::locking, lock, occupancy(g.word.load()).ticket()));
  subject_step step = subject_step::lock;
  const int result = attempt(g, may_give_up, step);
  const bool told = result == EOWNERDEAD;
  if (result != 0 && !told) {
    const bool gave_up = (step == subject_step::timedlock && result == ETIMEDOUT) ||
                         (step == subject_step::trylock && result == EBUSY);
    if (gave_up)
      record_.given_up.store(record_.given_up.load(std::memory_order_relaxed) + 1);
    else
      log_code(step, lock, result);
    note(depth, holding());
    return false;
  }
  std::uint64_t before = g.word.load();
  occupancy mine(0);
  do {
    mine = occupancy::acquired(occupancy(before), life_, told);
  } while (!g.word.compare_exchange_weak(before, mine.raw()));
  const occupancy last(before);
  const bool last_was_dead = last.leaving() || shared_.doomed[serial_of(last.life())].load();
  note(depth, holding(phase::owning, lock, mine.ticket()));
  held_[depth] = {lock, mine};
  if (told || last.inside()) log(event_kind::entered, lock, last, mine, last_was_dead);
  record_.acquired.store(record_.acquired.load(std::memory_order_relaxed) + 1);
  if (told) {
    record_.told.store(record_.told.load(std::memory_order_relaxed) + 1);
    const int error = at_.subject->consistent != nullptr ? at_.subject->consistent(g.object) : 0;
    if (error != 0) log_code(subject_step::consistent, lock, error);
  }
  return true;
}

bool worker::leave(unsigned depth) {
  const held& h = held_[depth];
  guarded& g = shared_.locks[h.lock];
  note(depth, holding(phase::releasing, h.lock, h.mine.ticket()));
  std::uint64_t expected = h.mine.raw();
  if (!g.word.compare_exchange_strong(expected, h.mine.released().raw()))
    log(event_kind::displaced, h.lock, occupancy(expected), h.mine, false);
  const int error = at_.subject->unlock(g.object);
  if (error != 0) log_code(subject_step::unlock, h.lock, error);
  note(depth, holding());
  return error == 0;
}

// Mostly short, sometimes long enough for everyone else to fall asleep, sometimes with a sleep inside.
void worker::section() {
  const unsigned kind = random(64);
  if (kind == 0)
    pause_for(50);
  else
    spin(kind < 4 ? 60000 : kind < 12 ? 4000 : random(100));
}

// Between two sections, so that there is something to die in beside the lock.
void worker::think() {
  const unsigned kind = random(32);
  if (kind == 0)
    pause_for(50);
  else
    spin(kind < 8 ? 4000 : random(400));
}

void worker::spin(unsigned turns) {
  for (unsigned i = 0; i < turns; ++i)
    asm volatile("" ::: "memory");
}

void worker::announce_departure(unsigned depth) {
  for (unsigned each = 0; each <= depth; ++each) {
    std::uint64_t expected = held_[each].mine.raw();
    if (!shared_.locks[held_[each].lock].word.compare_exchange_strong(
            expected, held_[each].mine.about_to_leave().raw()))
      log(event_kind::displaced, held_[each].lock, occupancy(expected), held_[each].mine, false);
  }
}

bool worker::leaves_for_good(unsigned depth) {
  if (thread_ == 0) {
    if (shared_.exec_wanted[place_].load() != 0) exec(depth);
    return false;
  }
  if (!shared_.chosen.has(way::exit) || random(4096) != 0) return false;
  announce_departure(depth);
  shared_.exits_holding.fetch_add(1);
  return true;
}

// The other threads of the process die of it, wherever they are.
void worker::exec(unsigned depth) {
  announce_departure(depth);
  shared_.doomed[serial_of(life_)].store(true);
  execl("/proc/self/exe", "heirlock-storm-worker", "--leave", static_cast<char*>(nullptr));
  _exit(3);
}

} // namespace heirlock::lab::storm
