// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/uncontended.hpp"

#include <time.h>

#include <algorithm>

namespace heirlock::lab::bench {
namespace {

constexpr double sample_ns = 1e6;

double cpu_time() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

} // namespace

double sample_uncontended(const entrant& lock, std::uint64_t times) {
  const double begin = cpu_time();
  lock.lock_and_unlock(times);
  return (cpu_time() - begin) / static_cast<double>(times);
}

std::uint64_t times_for_a_sample(const entrant& lock) {
  constexpr std::uint64_t few = 1000;
  lock.lock_and_unlock(few);
  const double each = std::max(sample_uncontended(lock, few), 0.1);
  return std::max<std::uint64_t>(few, static_cast<std::uint64_t>(sample_ns / each));
}

std::vector<uncontended_result> measure_uncontended(const std::vector<entrant>& entrants,
                                                    unsigned rounds, const step_report& step) {
  std::vector<std::uint64_t> times;
  times.reserve(entrants.size());
  for (const entrant& each : entrants)
    times.push_back(times_for_a_sample(each));
  std::vector<std::vector<double>> samples(entrants.size());
  for (unsigned round = 0; round < rounds; ++round)
    for (std::size_t i = 0; i < entrants.size(); ++i) {
      // The first turns pay for what the others have left in the caches.
      entrants[i].lock_and_unlock(times[i] / 8);
      samples[i].push_back(sample_uncontended(entrants[i], times[i]));
      step(sample_ns / 1e6);
    }
  std::vector<uncontended_result> results;
  for (std::size_t i = 0; i < entrants.size(); ++i)
    results.push_back({entrants[i].name, spread_of(samples[i]), ratio_of(samples[i], samples[0]),
                       entrants.size() > 1 ? ratio_of(samples[i], samples[1]) : spread{}});
  return results;
}

} // namespace heirlock::lab::bench
