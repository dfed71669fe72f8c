// SPDX-License-Identifier: Apache-2.0
// Almeida's question: would a cleanup of the pending operations "need to check *every* single process"? What the one in user
// space costs when 1 to 64 processes map the lock's page among 500 that do not:
//
//   pending first   every thread of the machine is asked for its pending operation, which nearly never is there
//   maps first      every process of the machine is asked whether it maps the page, as the proposal has it
//   known           only the processes that map it, as a kernel finds them from the page
//
//   bench_cleanup [OTHERS [ROUNDS]]     CPU time of a call; medians over interleaved rounds
#include <filesystem>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "lab/protocols/cleanup_robust_list/wait_everywhere.hpp"

namespace {

using namespace heirlock::lab;

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "bench_cleanup: %s failed\n", what);
  std::exit(2);
}

// Processes that do nothing; they end with this object, and with this process.
class idlers {
 public:
  void grow_to(unsigned count) {
    while (ids_.size() < count) {
      const pid_t parent = getpid();
      const pid_t child = fork();
      must(child >= 0, "fork");
      if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) std::_Exit(0);
        for (;;)
          pause();
      }
      ids_.push_back(child);
    }
  }
  ~idlers() {
    for (const pid_t id : ids_)
      kill(id, SIGKILL);
    for (const pid_t id : ids_)
      waitpid(id, nullptr, 0);
  }
  const std::vector<pid_t>& ids() const { return ids_; }

 private:
  std::vector<pid_t> ids_;
};

double cpu_time() {
  timespec t = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

double measure(const std::function<cleanup_result()>& call) {
  const double start = cpu_time();
  must(call().error == 0, "a cleanup");
  return cpu_time() - start;
}

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

long processes_now() {
  long count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc"))
    count += std::isdigit(static_cast<unsigned char>(entry.path().filename().native()[0])) != 0;
  return count;
}

} // namespace

int main(int argc, char** argv) {
  const int others = argc > 1 ? std::atoi(argv[1]) : 500; // NOLINT(cert-err34-c): checked next
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 15;  // NOLINT(cert-err34-c)
  if (others <= 0 || rounds <= 0) {
    std::fprintf(stderr, "usage: bench_cleanup [OTHERS [ROUNDS]]\n");
    return 2;
  }
  idlers without;
  without.grow_to(static_cast<unsigned>(others));
  void* const page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(page != MAP_FAILED, "mmap");
  const auto* const word = static_cast<const std::uint32_t*>(page);
  idlers with;
  std::printf(
      "microseconds of CPU time for one cleanup, with %d processes that do not map the page\n"
      "%10s%16s%16s%16s   processes of the machine\n",
      others, "that map", "pending first", "maps first", "known");
  for (const unsigned mapping : {1U, 4U, 16U, 64U}) {
    with.grow_to(mapping);
    std::vector<double> pending;
    std::vector<double> maps;
    std::vector<double> known;
    for (int round = 0; round < rounds; ++round) {
      pending.push_back(
          measure([&] { return wait_until_pending_nowhere(word, first_look::pending); }));
      maps.push_back(measure([&] { return wait_until_pending_nowhere(word, first_look::maps); }));
      known.push_back(
          measure([&] { return wait_until_pending_in_none(word, with.ids().data(), mapping); }));
    }
    std::printf("%10u%16.0f%16.0f%16.0f   %ld\n", mapping, median(pending), median(maps),
                median(known), processes_now());
  }
  return 0;
}
