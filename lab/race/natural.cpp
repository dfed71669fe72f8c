// SPDX-License-Identifier: Apache-2.0
// The race by chance alone. What makes chance as good as an ordinary program can have it:
//  - The taker sleeps on the lock when it is held, so the unlock has somebody to wake, and the system call
//    that wakes is inside the window.
//  - Victim and killer share a CPU, as in a container with one CPU, and the taker has another. So the
//    killer's wake-up preempts the victim, often in the window, and the taker goes on meanwhile.
#include "lab/race/race.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <random>
#include <stdexcept>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "lab/process/permitted_calls.hpp"
#include "lab/race/affinity.hpp"
#include "lab/race/child.hpp"
#include "lab/race/object.hpp"
#include "lab/race/segment.hpp"
#include "lab/race/series.hpp"

namespace heirlock::lab::race {
namespace {

constexpr std::size_t max_lanes = 8;
constexpr std::size_t ring_size = 8;
constexpr std::uint64_t ahead = 4; // rounds that the victim may be ahead of the taker
static_assert(ahead + 2 <= ring_size, "an object is made anew before it is issued again");
constexpr int work_steps = 200; // some hundred nanoseconds under the lock
constexpr std::chrono::microseconds longest_life{2000};
constexpr std::chrono::seconds patience{10}; // with waits that only a broken machine makes long

// A thread of the victim, a thread of the taker, and the objects that go from the one to the other. The
// object of round n is ring[n % ring_size]; rounds start at 1, and the round is the mark.
struct lane {
  alignas(64) std::atomic<std::uint32_t> tid;    // of the victim's thread
  alignas(64) std::atomic<std::uint64_t> issued; // the taker's: the last round that may begin
  std::atomic<std::uint32_t> resting; // the taker's: the last even `run` that it has seen
  std::uint64_t taken;                // the taker's: the last round that it reused
  std::uint64_t fill;                 // the taker's: what it stored there
  std::array<object, ring_size> ring;

  object& of(std::uint64_t round) { return ring[round % ring_size]; }
};

struct arena {
  alignas(64) std::atomic<std::uint32_t> started; // threads of the victim
  alignas(64) std::atomic<std::uint32_t> run;     // odd: the taker works; even: it rests
  bool with_waiters;
  lock_kind kind;
  std::size_t lanes;
  bool placed; // lane i: taker on cpus[2 i], victim on cpus[2 i + 1]
  std::array<int, 2 * max_lanes> cpus;
  std::array<lane, max_lanes> lane_of;
};

// One thread for each lane, the calling thread for lane 0.
int run_lanes(arena& memory, std::size_t place, void (*work)(arena&, lane&)) {
  const auto run = [&memory, place, work](std::size_t i) {
    if (memory.placed) stay_on(memory.cpus[2 * i + place]);
    work(memory, memory.lane_of[i]);
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < memory.lanes; ++i)
    threads.emplace_back(run, i);
  run(0);
  for (auto& thread : threads)
    thread.join();
  return 1; // they end only when a lock refuses
}

// The victim's thread: uses one object after the other, as fast as it can.
void use_objects(arena& memory, lane& own) {
  own.tid.store(static_cast<std::uint32_t>(::gettid()), std::memory_order_release);
  memory.started.fetch_add(1, std::memory_order_release);
  wake_all(memory.started);
  for (std::uint64_t round = 1;; ++round) {
    while (own.issued.load(std::memory_order_acquire) < round) {
    }
    if (!own.of(round).use(round, work_steps)) return;
  }
}

void take_next(const arena& memory, lane& from) {
  const std::uint64_t next = from.taken + 1;
  const auto tid = static_cast<pid_t>(from.tid.load(std::memory_order_acquire));
  const std::uint64_t fill = fill_of(tid, memory.with_waiters);
  if (from.of(next).take_over(next, fill, true) != object::handover::done) return;
  from.taken = next;
  from.fill = fill;
  from.issued.store(next + ahead, std::memory_order_release);
  // Having marked `next`, the thread is out of the unlock of the round before: that memory is free again.
  if (next > 1) from.of(next - 1).create(memory.kind);
}

void take_objects(arena& memory, lane& from) {
  for (;;) {
    const std::uint32_t run = memory.run.load(std::memory_order_acquire);
    if (run % 2 == 1) {
      take_next(memory, from);
    } else {
      announce(from.resting, run);
      sleep_while(memory.run, run, patience);
    }
  }
}

void prepare(arena& memory) {
  memory.started.store(0);
  for (std::size_t i = 0; i < memory.lanes; ++i) {
    lane& each = memory.lane_of[i];
    each.tid.store(0);
    each.taken = 0;
    each.fill = 0;
    for (object& one : each.ring)
      one.create(memory.kind);
    each.issued.store(ahead);
  }
}

// What the kernel did to the memory that was reused last in each lane: an earlier one cannot be pending.
evidence look(arena& memory) {
  evidence result;
  for (std::size_t i = 0; i < memory.lanes; ++i) {
    lane& each = memory.lane_of[i];
    if (each.taken == 0) continue;
    contents stored;
    stored.fill(each.fill);
    const evidence found =
        judge(stored, each.of(each.taken).read(), static_cast<pid_t>(each.tid.load()));
    if (!result.reused || (found.found != finding::unchanged && result.found != finding::corrupted))
      result = found;
  }
  return result;
}

// One victim's life.
evidence attempt(arena& memory, const child& taker, std::chrono::microseconds life) {
  prepare(memory);
  child victim([&memory] { return run_lanes(memory, 1, use_objects); });
  const bool begun = await(memory.started, patience,
                           [&] { return memory.started.load() == memory.lanes || victim.ended(); });
  if (!begun || victim.ended())
    throw std::runtime_error("the victim process could not start its threads");
  const std::uint32_t run = memory.run.load() + 1;
  announce(memory.run, run);
  std::this_thread::sleep_for(life);
  const ending end = victim.kill_and_reap();
  if (!end.killed())
    throw std::runtime_error(
        fmt::format("the victim ended by itself (signal {}, status {})", end.signal, end.status));
  announce(memory.run, run + 1);
  for (std::size_t i = 0; i < memory.lanes; ++i) {
    const auto& resting = memory.lane_of[i].resting;
    const bool rests = await(resting, patience, [&] {
      return resting.load(std::memory_order_acquire) == run + 1 || taker.ended();
    });
    if (!rests || taker.ended()) throw std::runtime_error("the taker process ended or hangs");
  }
  return look(memory);
}

} // namespace

tally natural(const limits& bounds, const progress& report, lock_kind kind) {
  require_robust_lists();
  series run(bounds, report);
  const affinity_guard placement;
  shared<arena> memory;
  memory->kind = kind;
  const std::vector<int> cpus = allowed_cpus();
  memory->lanes = std::clamp<std::size_t>(cpus.size() / 2, 1, max_lanes);
  memory->placed = cpus.size() >= 2;
  if (memory->placed) {
    std::copy_n(cpus.begin(), 2 * memory->lanes, memory->cpus.begin());
    stay_on(memory->cpus[1]); // the killer's place
  }
  const child taker([&memory] { return run_lanes(*memory, 0, take_objects); });
  run.describe(fmt::format(
      "{} thread(s) of a victim process lock and unlock {} process-shared mutexes; another process "
      "takes "
      "each one, unlocks and destroys it and reuses its memory; SIGKILL at a random moment within "
      "{} us; "
      "{}; no ptrace and no other help",
      memory->lanes, kind == lock_kind::robust ? "robust" : "non-robust", longest_life.count(),
      memory->placed ? "victim and killer on one CPU, taker on another" : "all on one CPU"));

  std::mt19937_64 random(bounds.seed);
  while (run.wants_more()) {
    const std::chrono::microseconds life(random() %
                                         static_cast<std::uint64_t>(longest_life.count()));
    memory->with_waiters = run.result().attempts % 2 == 1;
    run.add(attempt(*memory, taker, life));
  }
  return run.result();
}

} // namespace heirlock::lab::race
