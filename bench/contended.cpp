// SPDX-License-Identifier: Apache-2.0
//
// Contended throughput between processes: 2, 4 and 8 of them, critical sections of 50 ns and 1 us, all rivals in one
// run, in turns. Prints operations relative to glibc's robust mutex, and the slowest process's share of its fair part.
// With more processes than processors it measures oversubscription; that is said in the first line.
#include "bench/lock_rivals.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace heirlock::bench;
using clock_type = std::chrono::steady_clock;

constexpr unsigned most_processes = 8;
constexpr int rounds = 5;

struct arena {
  std::atomic<bool> go, stop;
  std::atomic<unsigned> ready;
  struct alignas(128) {
    std::atomic<std::uint64_t> operations;
  } of[most_processes];
  alignas(128) std::uint64_t data;
};

arena* shared_arena = nullptr;
double turns_per_ns = 1;

void busy(unsigned turns) {
  for (unsigned i = 0; i < turns; ++i)
    asm volatile("" ::: "memory");
}

void calibrate() {
  constexpr unsigned turns = 20000000;
  const auto begin = clock_type::now();
  busy(turns);
  turns_per_ns =
      turns / std::chrono::duration<double, std::nano>(clock_type::now() - begin).count();
}

struct result {
  double throughput; // operations per second
  double share;      // slowest process's operations, relative to an equal part
};

template <rival Lock>
[[noreturn]] void work(Lock& lock, unsigned index, unsigned section_ns) {
  const auto turns = static_cast<unsigned>(section_ns * turns_per_ns);
  std::uint64_t mine = 0;
  ++shared_arena->ready;
  while (!shared_arena->go.load(std::memory_order_acquire))
    usleep(50);
  while (!shared_arena->stop.load(std::memory_order_relaxed)) {
    lock.lock();
    ++shared_arena->data;
    busy(turns);
    lock.unlock();
    ++mine;
    busy(turns);
  }
  shared_arena->of[index].operations = mine;
  _exit(0);
}

template <rival Lock>
result measure(Lock& lock, unsigned processes, unsigned section_ns, unsigned window_ms) {
  new (shared_arena) arena{};
  std::vector<pid_t> children;
  const pid_t parent = getpid();
  for (unsigned i = 0; i < processes; ++i) {
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(2);
      work(lock, i, section_ns);
    }
    children.push_back(child);
  }
  while (shared_arena->ready.load() < processes)
    usleep(100);
  shared_arena->go = true;
  const auto begin = clock_type::now();
  usleep(window_ms * 1000);
  shared_arena->stop = true;
  const double seconds = std::chrono::duration<double>(clock_type::now() - begin).count();
  for (const pid_t child : children)
    waitpid(child, nullptr, 0);
  std::uint64_t total = 0, least = UINT64_MAX;
  for (unsigned i = 0; i < processes; ++i) {
    const std::uint64_t count = shared_arena->of[i].operations;
    total += count;
    least = std::min(least, count);
  }
  return {static_cast<double>(total) / seconds,
          total == 0 ? 0 : static_cast<double>(least) * processes / static_cast<double>(total)};
}

template <class T, class... Arguments>
T& place(Arguments&&... arguments) {
  void* memory =
      mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return *new (memory) T(std::forward<Arguments>(arguments)...);
}

struct contestant {
  const char* name;
  std::function<result(unsigned processes, unsigned section_ns, unsigned window_ms)> run;
};

template <rival Lock>
contestant enter(const char* name, Lock& lock) {
  return {name, [&lock](unsigned processes, unsigned section_ns, unsigned window_ms) {
            return measure(lock, processes, section_ns, window_ms);
          }};
}

heirlock::domain fresh_domain(heirlock::unlock_mode mode) {
  const int memory = heirlock_domain_memfd(nullptr);
  if (memory < 0) throw std::runtime_error("no memory file");
  return heirlock::domain::open(
      heirlock::domain_options::of_descriptor(memory).threads(64).unlock(mode));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

} // namespace

int main(int argc, char** argv) try {
  const unsigned window_ms = argc > 1 ? static_cast<unsigned>(strtoul(argv[1], nullptr, 10)) : 800;
  if (window_ms == 0) {
    fprintf(stderr, "usage: %s [MILLISECONDS]\n", argv[0]);
    return 2;
  }
  calibrate();
  shared_arena = &place<arena>();
  const std::vector<contestant> contestants = {
      enter("glibc robust", place<glibc_robust>()), enter("glibc normal", place<glibc_normal>()),
      enter("heirlock RMW", place<heirlock_inline>(fresh_domain(heirlock::unlock_mode::rmw))),
      enter("heirlock asymmetric",
            place<heirlock_inline>(fresh_domain(heirlock::unlock_mode::asymmetric)))};
  printf("%ld processors; median of %d windows of %u ms\n", sysconf(_SC_NPROCESSORS_ONLN), rounds,
         window_ms);
  for (const unsigned section_ns : {50u, 1000u})
    for (const unsigned processes : {2u, 4u, 8u}) {
      std::vector<std::vector<double>> speed(contestants.size()), share(contestants.size());
      for (int round = 0; round < rounds; ++round)
        for (std::size_t i = 0; i < contestants.size(); ++i) {
          const result one = contestants[i].run(processes, section_ns, window_ms);
          speed[i].push_back(one.throughput);
          share[i].push_back(one.share);
        }
      for (std::size_t i = 0; i < contestants.size(); ++i) {
        std::vector<double> ratios;
        ratios.reserve(rounds);
        for (int round = 0; round < rounds; ++round)
          ratios.push_back(speed[i][round] / speed[0][round]);
        std::sort(ratios.begin(), ratios.end());
        printf("%4u ns, %u processes  %-20s %7.2f Mops/s  ratio %.2f [%.2f..%.2f]  slowest share "
               "%.2f\n",
               section_ns, processes, contestants[i].name, median(speed[i]) / 1e6, median(ratios),
               ratios.front(), ratios.back(), median(share[i]));
      }
    }
  return 0;
} catch (const std::exception& failure) {
  fprintf(stderr, "%s\n", failure.what());
  return 2;
}
