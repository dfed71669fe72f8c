// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/contended.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string_view>

#include "lab/bench/children.hpp"
#include "lab/bench/plain_futex.hpp"
#include "lab/bench/shared_object.hpp"
#include "lab/process/interrupt.hpp"

namespace heirlock::lab::bench {
namespace {

using clock_type = std::chrono::steady_clock;

constexpr unsigned most_processes = 16;

struct alignas(128) competitor {
  std::uint64_t acquisitions;
};

struct arena {
  std::atomic<bool> go{false}, stop{false};
  std::atomic<unsigned> ready{0};
  std::array<competitor, most_processes> each{};
  alignas(128) std::uint64_t data = 0;
};

double cpu_ns() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// CPU time, so that a busy machine does not make a turn longer; the fastest of a few tries.
double ns_per_turn(std::uint64_t turns_at_once) {
  constexpr std::uint64_t turns = 2'000'000;
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    busywork work;
    const double begin = cpu_ns();
    for (std::uint64_t done = 0; done < turns; done += turns_at_once)
      work.turns(turns_at_once);
    const double each = (cpu_ns() - begin) / turns;
    best = best == 0 ? each : std::min(best, each);
  }
  return best;
}

std::uint64_t turns_of(unsigned section_ns) {
  static const double one = ns_per_turn(2'000'000);
  return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::lround(section_ns / one)));
}

struct sample {
  double throughput, share;
};

void compete(const entrant& lock, arena& shared, unsigned index, std::uint64_t turns) {
  lock.begin_process();
  lock.warm_up();
  ++shared.ready;
  while (!shared.go.load(std::memory_order_acquire))
    usleep(50);
  shared.each[index].acquisitions = lock.compete({shared.stop, shared.data, turns, turns});
}

sample measure_once(const entrant& lock, contended_cell cell, unsigned window_ms) {
  const shared_object<arena> shared;
  const auto turns = turns_of(cell.section_ns);
  children competitors;
  for (unsigned i = 0; i < cell.processes; ++i)
    competitors.start([&, i] { compete(lock, *shared, i, turns); });
  competitors.wait_until([&] { return shared->ready.load() == cell.processes; },
                         "the processes to begin");
  shared->go.store(true, std::memory_order_release);
  const auto begin = clock_type::now();
  usleep(window_ms * 1000);
  shared->stop.store(true, std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(clock_type::now() - begin).count();
  check_interrupt();
  competitors.reap_all();
  std::uint64_t total = 0, least = UINT64_MAX;
  for (unsigned i = 0; i < cell.processes; ++i) {
    total += shared->each[i].acquisitions;
    least = std::min(least, shared->each[i].acquisitions);
  }
  const auto all = static_cast<double>(std::max<std::uint64_t>(total, 1));
  return {all / seconds / 1e6, static_cast<double>(least) * cell.processes / all};
}

} // namespace

double section_alone_ns(contended_cell cell) {
  const std::uint64_t turns = turns_of(cell.section_ns);
  return static_cast<double>(turns) * ns_per_turn(turns);
}

bool serves_for_orientation(const std::string& rival) {
  return rival != baseline && rival != plain_futex::name && !rival.starts_with("heirlock");
}

std::vector<contended_result> measure_contended(const std::vector<entrant>& entrants,
                                                contended_cell cell, contended_effort effort,
                                                const step_report& step) {
  std::vector<std::vector<double>> throughput(entrants.size()), share(entrants.size());
  for (unsigned round = 0; round < effort.rounds; ++round)
    for (std::size_t i = 0; i < entrants.size(); ++i) {
      if (round >= effort.rounds_of_others && serves_for_orientation(entrants[i].name)) continue;
      const sample one = measure_once(entrants[i], cell, effort.window_ms);
      throughput[i].push_back(one.throughput);
      share[i].push_back(one.share);
      step(effort.window_ms);
    }
  std::vector<contended_result> results;
  for (std::size_t i = 0; i < entrants.size(); ++i)
    results.push_back({entrants[i].name, spread_of(throughput[i]),
                       ratio_of(throughput[i], throughput[0]), spread_of(share[i])});
  return results;
}

} // namespace heirlock::lab::bench
