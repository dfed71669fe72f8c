// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/growth.hpp"

#include <unistd.h>

#include <deque>
#include <list>
#include <memory>
#include <thread>

#include "lab/bench/children.hpp"
#include "lab/bench/nameless_domain.hpp"
#include "lab/bench/rivals.hpp"
#include "lab/bench/shared_object.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab::bench {
namespace {

constexpr unsigned seats = 1024;

unlock_mode mode_of(const std::string& rival) {
  return rival == "heirlock-asymmetric" ? unlock_mode::asymmetric : unlock_mode::rmw;
}

// The two sides take turns; between them something is done and undone.
struct sides {
  const entrant& few;
  const entrant& many;
  std::function<void()> to_many = [] {}, to_few = [] {};
};

void compare(const sides& both, unsigned rounds, const step_report& step, growth_result& into) {
  const std::uint64_t times = times_for_a_sample(both.few);
  std::vector<double> with_few, with_many;
  const auto sample = [&](const entrant& lock, std::vector<double>& samples) {
    lock.lock_and_unlock(times / 8);
    samples.push_back(sample_uncontended(lock, times));
    step(1);
  };
  for (unsigned round = 0; round < rounds; ++round) {
    sample(both.few, with_few);
    both.to_many();
    sample(both.many, with_many);
    both.to_few();
  }
  into.nanoseconds_with_few = spread_of(with_few);
  into.nanoseconds_with_many = spread_of(with_many);
  into.ratio = ratio_of(with_many, with_few);
}

void measure_held(const std::string& rival, unsigned rounds, const step_report& step,
                  growth_result& into) {
  const nameless_domain domain(mode_of(rival), seats);
  heirlock_inline lock(domain.get());
  std::deque<heirlock_inline> others;
  for (unsigned i = 0; i < many_held; ++i)
    others.emplace_back(domain.get());
  const entrant measured = entrant_of(rival, lock, nullptr);
  const auto take = [&] {
    for (heirlock_inline& each : others)
      each.lock();
  };
  const auto give = [&] {
    for (heirlock_inline& each : others)
      each.unlock();
  };
  into.few = 1; // the one that is measured
  into.many = many_held;
  compare({measured, measured, take, give}, rounds, step, into);
}

void measure_domains(const std::string& rival, unsigned rounds, const step_report& step,
                     growth_result& into) {
  constexpr unsigned few_threads = 4;
  const nameless_domain domain(mode_of(rival), seats);
  heirlock_inline lock(domain.get());
  const entrant measured = entrant_of(rival, lock, nullptr);
  std::list<nameless_domain> others;
  const auto attach = [&] {
    for (unsigned i = 1; i < many_domains; ++i) {
      others.emplace_back(unlock_mode::rmw, few_threads);
      others.back().get().attach_thread();
    }
  };
  into.few = 1;
  into.many = many_domains;
  compare({measured, measured, attach, [&] { others.clear(); }}, rounds, step, into);
}

// So many threads take a seat each, and die at once with their process.
void kill_holders(const domain& where) {
  const shared_object<std::atomic<unsigned>> attached(0u);
  children processes;
  const pid_t holders = processes.start([&] {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < many_dead; ++i)
      threads.emplace_back([&] {
        where.attach_thread();
        ++*attached;
        for (;;)
          pause();
      });
    for (;;)
      pause();
  });
  processes.wait_until([&] { return attached->load() == many_dead; },
                       "the threads that are to die");
  children::kill_now(holders);
  processes.reap(holders, true);
}

void measure_dead_seats(const std::string& rival, unsigned rounds, const step_report& step,
                        growth_result& into) {
  const nameless_domain living(mode_of(rival), seats);
  const nameless_domain haunted(mode_of(rival), seats);
  kill_holders(haunted.get());
  heirlock_inline first(living.get());
  heirlock_inline second(haunted.get());
  const entrant few = entrant_of(rival, first, nullptr);
  const entrant many = entrant_of(rival, second, nullptr);
  into.few = 0;
  into.many = many_dead;
  compare({few, many}, rounds, step, into);
}

} // namespace

growth_result measure_growth(const std::string& what, const std::string& rival, unsigned rounds,
                             const step_report& step) {
  growth_result result;
  result.what = what;
  result.name = rival;
  if (what == "held")
    measure_held(rival, rounds, step, result);
  else if (what == "domains")
    measure_domains(rival, rounds, step, result);
  else if (what == "dead-seats")
    measure_dead_seats(rival, rounds, step, result);
  else
    throw trouble("no such growth: " + what);
  return result;
}

} // namespace heirlock::lab::bench
