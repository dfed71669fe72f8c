// SPDX-License-Identifier: Apache-2.0
// What an uncontended lock and unlock costs: the C library's robust mutex, the same lock design with the classic
// unlock, and with the unlock transaction of rseq_rl_cs. All three are the subjects that are audited, called through
// the same table of functions, so what differs is the lock.
//
// The repetitions of the three are interleaved at random (--benchmark_enable_random_interleaving), so that what
// else the machine does meets all alike. At the end each is set against the baseline, repetition by repetition: the
// median of the ratios, and their range.
#include <benchmark/benchmark.h>

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "lab/subjects/builtin.h"
#include "lab/subjects/shipped.hpp"
#include "lab/subjects/subject.h"

namespace heirlock::bench {
namespace {

constexpr std::string_view baseline = "robust-list";
constexpr const char* rivals[] = {"pthread-robust", "robust-list", "rseq-rl-cs"};

template <class T>
concept lock_rival = requires(T& lock) {
  lock.lock();
  lock.unlock();
};

const heirlock_subject& find(const std::string& name) {
  if (const auto* const builtin = heirlock_builtin_subject(name.c_str())) return *builtin;
  const auto library = lab::shipped_subject_library(name);
  if (!library) throw std::runtime_error("no subject " + name + ": build the target of that name");
  void* const handle = dlopen(library->c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error(dlerror());
  const auto entry =
      reinterpret_cast<const heirlock_subject* (*)()>(dlsym(handle, "heirlock_subject"));
  const heirlock_subject* const found = entry != nullptr ? entry() : nullptr;
  if (found == nullptr || found->abi != HEIRLOCK_SUBJECT_ABI)
    throw std::runtime_error(library->string() + " is no subject of this version: build it again");
  return *found;
}

// The robust list that the C library registered for this thread. A subject with a list of its own takes its place.
class registered_list {
 public:
  registered_list() { syscall(SYS_get_robust_list, 0, &head_, &size_); }
  void restore() const { syscall(SYS_set_robust_list, head_, size_); }

 private:
  void* head_ = nullptr;
  std::size_t size_ = 0;
};

// A subject's lock in memory that processes could share, entered by the calling thread.
class subject_rival {
 public:
  explicit subject_rival(const heirlock_subject& subject)
      : subject_(subject), memory_(mmap(nullptr, HEIRLOCK_SUBJECT_MAX_SIZE, PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) throw std::bad_alloc();
    if (subject_.thread_enter != nullptr && subject_.thread_enter() != 0)
      throw std::runtime_error(std::string(subject_.name) + ": thread_enter failed");
    if (subject_.init(memory_) != 0)
      throw std::runtime_error(std::string(subject_.name) + ": init failed");
  }
  ~subject_rival() {
    libc_list_.restore();
    munmap(memory_, HEIRLOCK_SUBJECT_MAX_SIZE);
  }
  subject_rival(const subject_rival&) = delete;
  subject_rival& operator=(const subject_rival&) = delete;

  void lock() {
    if (subject_.lock(memory_) != 0) std::abort();
  }
  void unlock() {
    if (subject_.unlock(memory_) != 0) std::abort();
  }

 private:
  const heirlock_subject& subject_;
  void* memory_;
  registered_list libc_list_;
};

template <lock_rival Rival>
void lock_and_unlock(benchmark::State& state, Rival& rival) {
  for (auto _ : state) {
    rival.lock();
    rival.unlock();
  }
}

// Prints what the console reporter prints, and then the ratios.
class ratio_reporter final : public benchmark::ConsoleReporter {
 public:
  ratio_reporter() : ConsoleReporter(OO_None) {}

  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs)
      if (run.run_type == Run::RT_Iteration && !run.error_occurred)
        times_[run.run_name.function_name].push_back(run.GetAdjustedCPUTime());
  }

  void Finalize() override {
    ConsoleReporter::Finalize();
    const auto base = times_.find(std::string(baseline));
    if (base == times_.end()) return;
    std::printf(
        "\nCPU time against %s, over %zu interleaved repetitions: median (lowest to highest)\n",
        base->first.c_str(), base->second.size());
    for (const auto& [name, times] : times_) {
      std::vector<double> ratios;
      for (std::size_t i = 0; i < std::min(times.size(), base->second.size()); ++i)
        ratios.push_back(times[i] / base->second[i]);
      std::sort(ratios.begin(), ratios.end());
      std::printf("  %-16s %.2f (%.2f to %.2f)\n", name.c_str(), ratios[ratios.size() / 2],
                  ratios.front(), ratios.back());
    }
  }

 private:
  std::map<std::string, std::vector<double>> times_;
};

int run(int argc, char** argv) {
  // Before those of the command line, which win.
  std::vector<char*> arguments = {argv[0]};
  std::string defaults[] = {"--benchmark_enable_random_interleaving=true",
                            "--benchmark_repetitions=9", "--benchmark_min_time=0.2"};
  for (std::string& flag : defaults)
    arguments.push_back(flag.data());
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  for (const char* name : rivals) {
    benchmark::RegisterBenchmark(name, [&subject = find(name)](benchmark::State& state) {
      subject_rival rival(subject);
      lock_and_unlock(state, rival);
    });
  }
  ratio_reporter reporter;
  return benchmark::RunSpecifiedBenchmarks(&reporter) > 0 ? 0 : 2;
}

} // namespace
} // namespace heirlock::bench

int main(int argc, char** argv) {
  try {
    return heirlock::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "protocols_bench: %s\n", error.what());
    return 2;
  }
}
