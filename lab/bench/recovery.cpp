// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/recovery.hpp"

#include <time.h>
#include <unistd.h>

#include "lab/bench/children.hpp"
#include "lab/bench/shared_object.hpp"

namespace heirlock::lab::bench {
namespace {

constexpr double expected_ms = 3;

struct scene {
  std::atomic<bool> owned{false}, wants{false};
  std::atomic<std::int64_t> acquired_at{0};
};

std::int64_t now() {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

double sample_once(const entrant& lock) {
  const shared_object<scene> shared;
  children processes;
  const pid_t owner = processes.start([&] {
    lock.begin_process();
    lock.lock();
    shared->owned = true;
    for (;;)
      pause();
  });
  processes.wait_until([&] { return shared->owned.load(); }, "the owner");
  const pid_t heir = processes.start([&] {
    lock.begin_process();
    shared->wants = true;
    lock.recover();
    shared->acquired_at = now();
    lock.unlock();
  });
  processes.wait_until([&] { return shared->wants.load() && is_asleep(heir); },
                       "the waiter to sleep");
  const std::int64_t killed_at = now();
  children::kill_now(owner);
  processes.reap(owner, true);
  processes.reap(heir);
  return static_cast<double>(shared->acquired_at.load() - killed_at) / 1e3;
}

} // namespace

std::vector<recovery_result> measure_recovery(const std::vector<entrant>& entrants, unsigned rounds,
                                              const step_report& step) {
  std::vector<std::vector<double>> samples(entrants.size());
  for (unsigned round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < entrants.size(); ++i) {
      samples[i].push_back(sample_once(entrants[i]));
      step(expected_ms);
    }
  std::vector<recovery_result> results;
  for (std::size_t i = 0; i < entrants.size(); ++i) {
    const spread own = spread_of(samples[i]);
    results.push_back({entrants[i].name, own, own.median / spread_of(samples[0]).median,
                       ratio_of(samples[i], samples[0])});
  }
  return results;
}

} // namespace heirlock::lab::bench
