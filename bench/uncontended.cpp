// SPDX-License-Identifier: Apache-2.0
//
// Uncontended lock and unlock: all rivals in one run, in turns, so that a change of the processor's speed
// meets all of them. Prints the median, and the median and spread of the ratio to glibc's robust mutex.
#include "bench/lock_rivals.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <sys/mman.h>
#include <vector>

namespace {

using namespace heirlock::bench;

constexpr int rounds = 41;
constexpr int pairs = 200000;

struct contestant {
  std::string name;
  std::function<double()> round; // nanoseconds per lock and unlock
  std::vector<double> results;
};

template <rival Lock>
[[gnu::noinline]] double time_pairs(Lock& lock) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < pairs; ++i) {
    lock.lock();
    asm volatile("" ::: "memory");
    lock.unlock();
  }
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - begin;
  return elapsed.count() / pairs;
}

template <class Lock, class... Arguments>
Lock& place(Arguments&&... arguments) {
  void* memory =
      mmap(nullptr, sizeof(Lock), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return *new (memory) Lock(std::forward<Arguments>(arguments)...);
}

template <rival Lock>
contestant enter(std::string name, Lock& lock) {
  return {std::move(name), [&lock] { return time_pairs(lock); }, {}};
}

heirlock::domain_options fresh_domain(heirlock::unlock_mode mode) {
  const int memory = heirlock_domain_memfd(nullptr);
  if (memory < 0) throw std::runtime_error("no memory file");
  return heirlock::domain_options::of_descriptor(memory).threads(64).unlock(mode);
}

heirlock_c& through_library(const shared_library& library, heirlock::unlock_mode mode) {
  heirlock_domain_t* domain = nullptr;
  heirlock_error_t error;
  if (library.open(&fresh_domain(mode).raw(), &domain, &error) != 0)
    throw std::runtime_error(error.text);
  return place<heirlock_c>(library, domain);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

} // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    fprintf(stderr, "usage: %s PATH-OF-libheirlock.so\n", argv[0]);
    return 2;
  }
  const shared_library library(argv[1]);
  using heirlock::unlock_mode;
  const auto rmw = heirlock::domain::open(fresh_domain(unlock_mode::rmw));
  const auto asymmetric = heirlock::domain::open(fresh_domain(unlock_mode::asymmetric));

  std::vector<contestant> contestants;
  contestants.push_back(enter("glibc robust", place<glibc_robust>()));
  contestants.push_back(enter("glibc normal", place<glibc_normal>()));
  contestants.push_back(enter("heirlock RMW, inline", place<heirlock_inline>(rmw)));
  contestants.push_back(enter("heirlock asymmetric, inline", place<heirlock_inline>(asymmetric)));
  contestants.push_back(
      enter("heirlock RMW, C, shared library", through_library(library, unlock_mode::rmw)));
  contestants.push_back(enter("heirlock asymmetric, C, shared library",
                              through_library(library, unlock_mode::asymmetric)));

  contestants.push_back(enter("floor: one CAS and one store", place<floor_rival>()));

  for (int round = 0; round < rounds; ++round)
    for (contestant& each : contestants)
      each.results.push_back(each.round());

  const std::vector<double>& base = contestants.front().results;
  const std::vector<double>& normal = contestants[1].results;
  printf("%-40s %8s  %s\n", "", "ns", "ratio to glibc robust [10 %..90 %], to glibc normal");
  for (const contestant& each : contestants) {
    std::vector<double> ratios, to_normal;
    for (int i = 0; i < rounds; ++i) {
      ratios.push_back(each.results[i] / base[i]);
      to_normal.push_back(each.results[i] / normal[i]);
    }
    std::sort(ratios.begin(), ratios.end());
    printf("%-40s %8.2f  %.3f [%.3f..%.3f], %.3f\n", each.name.c_str(), median(each.results),
           ratios[rounds / 2], ratios[rounds / 10], ratios[rounds - 1 - rounds / 10],
           median(to_normal));
  }
  return 0;
} catch (const std::exception& failure) {
  fprintf(stderr, "%s\n", failure.what());
  return 2;
}
