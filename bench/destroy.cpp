// SPDX-License-Identifier: Apache-2.0
// What a destroy costs as the number of threads of the process grows: each protocol whose destroy looks for others, and
// robust-list, whose destroy does not, with 1 to 1,000 threads that have used a lock and now sleep.
//
//   bench_destroy [ROUNDS]     CPU time of destroy and init; medians over interleaved rounds, each in a process of its own
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "lab/subjects/shipped.hpp"
#include "lab/subjects/subject.h"

namespace {

constexpr const char* subjects[] = {"robust-list",           "destroy-scan",
                                    "hazard-pointer-thread", "hazard-pointer-cpu",
                                    "hazard-pointer-mm-cid", "refcount"};
constexpr unsigned thread_counts[] = {1, 10, 100, 1000};
constexpr double least_time = 5e6; // ns for one measurement

double cpu_time() {
  timespec t = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "bench_destroy: %s failed\n", what);
  std::_Exit(2);
}

const heirlock_subject* load(const std::string& name) {
  const auto library = heirlock::lab::shipped_subject_library(name);
  must(library.has_value(), "finding a subject");
  void* const handle = dlopen(library->c_str(), RTLD_NOW | RTLD_LOCAL);
  must(handle != nullptr, "loading a subject");
  const auto entry =
      reinterpret_cast<const heirlock_subject* (*)()>(dlsym(handle, "heirlock_subject"));
  must(entry != nullptr, "finding a subject's table");
  return entry();
}

void* shared_memory() {
  void* const memory = mmap(nullptr, HEIRLOCK_SUBJECT_MAX_SIZE, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(memory != MAP_FAILED, "mmap");
  return memory;
}

struct crowd {
  const heirlock_subject* subject;
  void* lock;
  sem_t arrived;
};

void* use_and_sleep(void* its) {
  auto& all = *static_cast<crowd*>(its);
  must(all.subject->thread_enter() == 0, "thread_enter");
  must(all.subject->lock(all.lock) == 0 && all.subject->unlock(all.lock) == 0, "a lock");
  sem_post(&all.arrived);
  for (;;)
    pause();
}

// In a process of its own, which ends with its threads.
double measure(const std::string& name, unsigned threads) {
  crowd all = {load(name), shared_memory(), {}};
  must(all.subject->thread_enter() == 0 && all.subject->init(all.lock) == 0, "a subject's start");
  sem_init(&all.arrived, 0, 0);
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, std::size_t{64} * 1024);
  for (unsigned i = 1; i < threads; ++i) {
    pthread_t thread = {};
    must(pthread_create(&thread, &small, use_and_sleep, &all) == 0, "making a thread");
  }
  for (unsigned i = 1; i < threads; ++i)
    while (sem_wait(&all.arrived) != 0) {
    }
  void* const lock = shared_memory();
  must(all.subject->init(lock) == 0, "init");
  double spent = 0;
  unsigned times = 0;
  const double start = cpu_time();
  while (spent < least_time) {
    for (unsigned i = 0; i < 16; ++i)
      must(all.subject->destroy(lock) == 0 && all.subject->init(lock) == 0, "destroy");
    times += 16;
    spent = cpu_time() - start;
  }
  return spent / times;
}

double measured_in_a_child(const std::string& name, unsigned threads, double* result) {
  *result = 0;
  const pid_t child = fork();
  must(child >= 0, "fork");
  if (child == 0) {
    *result = measure(name, threads);
    std::_Exit(0);
  }
  must(waitpid(child, nullptr, 0) == child && *result > 0, "a measurement");
  return *result;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

} // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9; // NOLINT(cert-err34-c): a wrong one is 0
  if (rounds <= 0) {
    std::fprintf(stderr, "usage: bench_destroy [ROUNDS]\n");
    return 2;
  }
  auto* const result = static_cast<double*>(shared_memory());
  std::map<std::pair<std::string, unsigned>, std::vector<double>> times;
  for (int round = 0; round < rounds; ++round)
    for (const unsigned threads : thread_counts)
      for (const char* name : subjects)
        times[{name, threads}].push_back(measured_in_a_child(name, threads, result));
  std::printf(
      "destroy and init, ns of CPU time (ratio to robust-list), by threads of the process\n%24s",
      "");
  for (const unsigned threads : thread_counts)
    std::printf("%20u", threads);
  for (const char* name : subjects) {
    std::printf("\n%-24s", name);
    for (const unsigned threads : thread_counts) {
      const double mine = median(times[{name, threads}]);
      std::printf("%11.0f (%6.1f)", mine, mine / median(times[{subjects[0], threads}]));
    }
  }
  std::printf("\n");
  return 0;
}
