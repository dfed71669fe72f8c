// SPDX-License-Identifier: Apache-2.0
// The race with better odds. The victim's worker uses locks without pause; its sibling write-protects, at
// random moments, the page that holds the worker's robust_list_head. The worker stalls at its next store
// there. If that is the store that ends the window, this process takes the lock, destroys it, reuses the
// memory and kills; if not, it lets the worker go on and tries another moment.
#include "lab/race/race.hpp"

#include <array>
#include <chrono>
#include <random>
#include <stdexcept>

#include <fmt/format.h>

#include "lab/process/permitted_calls.hpp"
#include "lab/race/child.hpp"
#include "lab/race/object.hpp"
#include "lab/race/segment.hpp"
#include "lab/race/series.hpp"
#include "lab/race/widen_victim.hpp"

namespace heirlock::lab::race {
namespace {

constexpr std::chrono::seconds patience{10}; // with waits that only a broken machine makes long
constexpr std::chrono::milliseconds stall_patience{200}; // a lock that is not robust never stalls
constexpr int max_moments = 1000;             // a stall in six or better is in the window
constexpr std::uint32_t longest_delay = 1024; // turns of a short loop: some rounds

struct counts {
  std::uint64_t stalls = 0;
  std::uint64_t in_window = 0;
};

class attempt {
 public:
  attempt(stage& shared_stage, std::mt19937_64& random, counts& seen)
      : stage_(shared_stage), random_(random), seen_(seen) {}

  evidence operator()(widening way, lock_kind kind, bool with_waiters) {
    prepare_stage(stage_, kind);
    child victim([this, way] { return be_widened_victim(stage_, way); });
    if (!await(stage_.ready, patience,
               [&] { return stage_.ready.load() != 0 || victim.ended(); }) ||
        stage_.ready.load() == 0)
      fail(victim);
    const pid_t tid = stage_.worker.load();
    const std::uint64_t fill = fill_of(tid, with_waiters);
    const bool reused = stall_in_window(victim, fill) || reuse_after_rest(victim, fill);
    const std::uint64_t round = stage_.at.load(std::memory_order_acquire);
    const ending end = victim.kill_and_reap();
    if (!end.killed())
      throw std::runtime_error(
          fmt::format("the victim ended by itself (signal {}, status {})", end.signal, end.status));
    if (!reused) return {};
    contents stored;
    stored.fill(fill);
    return judge(stored, stage_.of(round).read(), tid);
  }

 private:
  [[noreturn]] void fail(child& victim) {
    const bool ended = victim.ended();
    const ending end = victim.kill_and_reap();
    if (stage_.trouble[0] != 0)
      throw std::runtime_error(
          fmt::format("the victim process gave up: {}", stage_.trouble.data()));
    throw std::runtime_error(
        ended ? fmt::format("the victim process ended by itself (signal {}, status {})", end.signal,
                            end.status)
              : std::string("the victim process hangs"));
  }
  bool take(std::uint64_t fill) {
    const std::uint64_t round = stage_.at.load(std::memory_order_acquire);
    return stage_.of(round).take_over(round, fill, false) == object::handover::done;
  }
  // True when the worker waits inside the window and its object's memory is reused.
  bool stall_in_window(child& victim, std::uint64_t fill) {
    trap_board& board = stage_.board;
    for (int moment = 0; moment < max_moments; ++moment) {
      stage_.delay.store(static_cast<std::uint32_t>(random_() % longest_delay));
      const std::uint32_t order = board.order.load() + 1;
      announce(board.order, order);
      const bool stalled = await(board.stalled, stall_patience, [&] {
        return board.stalled.load(std::memory_order_acquire) == order || victim.ended();
      });
      if (victim.ended()) fail(victim);
      if (stalled) {
        ++seen_.stalls;
        if (take(fill)) {
          ++seen_.in_window;
          return true;
        }
      }
      announce(board.order, order + 1);
      if (!await(board.released, patience, [&] {
            return board.released.load(std::memory_order_acquire) == order + 1 || victim.ended();
          }))
        fail(victim);
      if (!stalled) return false;
    }
    return false;
  }
  // The worker does not stall: it comes to rest after an unlock, so that the control reuses memory too.
  bool reuse_after_rest(child& victim, std::uint64_t fill) {
    stage_.stop.store(1, std::memory_order_release);
    if (!await(stage_.at_rest, patience,
               [&] { return stage_.at_rest.load() != 0 || victim.ended(); }) ||
        victim.ended())
      fail(victim);
    return take(fill);
  }

  stage& stage_;
  std::mt19937_64& random_;
  counts& seen_;
};

const char* describe_way(widening way) {
  return way == widening::protect ? "a sibling thread mprotects, at random moments, the page of "
                                    "the victim's robust_list_head; "
                                    "the store faults and the signal handler waits"
                                  : "userfaultfd (user mode only) write-protects, at random "
                                    "moments, the page of the victim's "
                                    "robust_list_head; the store waits for an answer";
}

} // namespace

tally widen(const limits& bounds, const progress& report, widening way, lock_kind kind) {
  require_robust_lists();
  series run(bounds, report);
  std::string refusal;
  if (way == widening::best) {
    const availability first = probe(widening::userfaultfd);
    way = first.works ? widening::userfaultfd : widening::protect;
    if (!first.works) refusal = first.reason + "; instead, ";
  }
  if (const availability chosen = probe(way); !chosen.works)
    throw std::runtime_error("cannot widen the race here: " + refusal + chosen.reason);

  shared<stage> memory;
  std::mt19937_64 random(bounds.seed);
  counts seen;
  attempt one(*memory, random, seen);
  while (run.wants_more()) {
    const evidence found = one(way, kind, run.result().attempts % 2 == 1);
    run.note_stalls(seen.stalls);
    run.describe(
        fmt::format("{}{}; stalls elsewhere are let go, one in the window is killed there: {} of "
                    "{} stalls were in the window; no ptrace, no privilege",
                    refusal, describe_way(way), seen.in_window, seen.stalls));
    run.add(found);
  }
  return run.result();
}

} // namespace heirlock::lab::race
