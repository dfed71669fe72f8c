// SPDX-License-Identifier: Apache-2.0
//
// A kill storm. Processes lock, nest, time out, detach and exit while their parent kills them at random
// moments. The oracle is outside the lock: a ledger in shared memory that says who is inside which mutex and
// whom the parent has killed. The backstop is off unless asked for, so a lost wake is a hang.
//
//   double ownership   a mutex is entered while its occupant is neither killed nor gone
//   unreported death   a mutex is entered as if nothing had happened, after its occupant was killed
//   false death        EOWNERDEAD, but the occupant is neither killed nor gone; or more reports than deaths
//   hang               a thread that makes no progress for long, or does not stop when told to
//
// Exit status: 0 nothing found, 1 violations, 2 trouble.
#include "tests/core/storm_worker.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <string>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace heirlock::test {
namespace {

struct child {
  pid_t pid = 0;
  std::uint32_t life = 0;
  std::uint32_t beats[most_threads] = {};
  clock_type::time_point moved[most_threads];
};

class storm {
 public:
  explicit storm(const heirlock::domain& domain) : domain_(domain), children_(options.processes) {}
  ~storm() {
    for (child& each : children_)
      if (each.pid > 0) {
        kill(each.pid, SIGKILL);
        waitpid(each.pid, nullptr, 0);
      }
  }

  int run() {
    for (unsigned slot = 0; slot < options.processes; ++slot)
      start(slot);
    std::mt19937 random(options.seed);
    const auto begin = clock_type::now();
    unsigned kills = 0;
    for (; kills < options.kills && !hung_ && !violated(); ++kills) {
      if (options.seconds != 0 && clock_type::now() - begin > std::chrono::seconds(options.seconds))
        break;
      pause_for(random() % 400);
      const unsigned slot = random() % options.processes;
      strike(slot);
      start(slot);
      if (kills % 16 == 0) watch();
    }
    finish();
    return report(kills, std::chrono::duration<double>(clock_type::now() - begin).count());
  }

 private:
  // Not a wait for something to happen: the random moment of a kill.
  static void pause_for(unsigned microseconds) {
    const timespec delay{0, static_cast<long>(microseconds) * 1000};
    nanosleep(&delay, nullptr);
  }

  void start(unsigned slot) {
    child& c = children_[slot];
    c.life = new_life(0);
    for (unsigned i = 0; i < options.threads; ++i)
      c.moved[i] = clock_type::now();
    const pid_t parent = getpid();
    c.pid = fork();
    if (c.pid == 0) process_main(slot, c.life, domain_, parent);
    if (c.pid < 0) {
      perror("fork");
      exit(2);
    }
  }

  void strike(unsigned slot) {
    child& c = children_[slot];
    ++struck_at_[book->threads[slot][0].at.load()];
    book->dead[c.life] = 1; // before the kill: whoever learns of the death finds it here
    kill(c.pid, SIGKILL);
    int status = 0;
    waitpid(c.pid, &status, 0);
    c.pid = 0;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
      fprintf(stderr, "storm: a child ended by itself, status 0x%x\n",
              static_cast<unsigned>(status));
      crashed_ = true;
    }
  }

  bool violated() const {
    return crashed_ || book->doubles != 0 || book->unreported != 0 || book->false_deaths != 0 ||
           book->surprises != 0;
  }

  void watch() {
    for (unsigned slot = 0; slot < options.processes; ++slot) {
      child& c = children_[slot];
      for (unsigned i = 0; i < options.threads; ++i) {
        const thread_record& record = book->threads[slot][i];
        const std::uint32_t beats = record.beats.load();
        const auto now = clock_type::now();
        if (beats != c.beats[i]) {
          c.beats[i] = beats;
          c.moved[i] = now;
        } else if (now - c.moved[i] > patience() &&
                   record.at.load() == static_cast<unsigned>(phase::locking)) {
          hung_ = true;
        }
      }
    }
  }

  void finish() {
    book->stop = true;
    const auto limit = clock_type::now() + patience();
    for (child& c : children_) {
      while (c.pid > 0) {
        if (waitpid(c.pid, nullptr, WNOHANG) == c.pid) {
          c.pid = 0;
        } else if (clock_type::now() > limit) {
          hung_ = true;
          describe();
          return;
        } else {
          pause_for(500);
        }
      }
    }
  }

  void describe() const {
    for (const guarded& g : book->mutexes) {
      std::uint64_t words[2];
      memcpy(words, static_cast<const void*>(&g.lock), sizeof words);
      fprintf(stderr, "  word %016llx tail %08x occupant %llu\n",
              static_cast<unsigned long long>(words[0]), static_cast<unsigned>(words[1]),
              static_cast<unsigned long long>(g.occupant.load()));
    }
    for (unsigned slot = 0; slot < options.processes; ++slot)
      for (unsigned i = 0; i < options.threads; ++i)
        fprintf(stderr, "  process %u (%d) thread %u: %s\n", slot, children_[slot].pid, i,
                phase_names[book->threads[slot][i].at.load()]);
  }

  int report(unsigned kills, double seconds) const {
    const heirlock_domain_info_t info = domain_.inspect();
    const std::uint64_t reports = book->reports;
    const std::uint64_t most_reports =
        std::uint64_t{kills} * options.threads * (options.nested ? 2 : 1) + book->exits_holding;
    const bool too_many = reports > most_reports;
    const bool rescued = info.rescued_wakes + info.rescued_deaths != 0;
    printf("kills %u in %.1f s; acquired %llu, reports %llu, timeouts %llu, exits holding %llu, "
           "detaches %llu\n",
           kills, seconds, static_cast<unsigned long long>(book->acquired),
           static_cast<unsigned long long>(reports),
           static_cast<unsigned long long>(book->timeouts),
           static_cast<unsigned long long>(book->exits_holding),
           static_cast<unsigned long long>(book->detaches));
    printf("killed while");
    for (unsigned i = 0; i < static_cast<unsigned>(phase::count); ++i)
      printf(" %s %u", phase_names[i], struck_at_[i]);
    printf("\nhang %d, double ownership %llu, unreported %llu, false deaths %llu%s, surprises %llu "
           "(%d), crash %d\n",
           hung_, static_cast<unsigned long long>(book->doubles),
           static_cast<unsigned long long>(book->unreported),
           static_cast<unsigned long long>(book->false_deaths),
           too_many ? " (more reports than deaths)" : "",
           static_cast<unsigned long long>(book->surprises), book->surprise_code.load(), crashed_);
    printf("slow %llu, head sleeps %llu, follower sleeps %llu, relays %llu, lost places %llu; "
           "backstop: "
           "timeouts %llu, rescued wakes %llu, rescued deaths %llu, stopped predecessors %llu\n",
           static_cast<unsigned long long>(info.slow_locks),
           static_cast<unsigned long long>(info.head_sleeps),
           static_cast<unsigned long long>(info.follower_sleeps),
           static_cast<unsigned long long>(info.relays),
           static_cast<unsigned long long>(info.lost_places),
           static_cast<unsigned long long>(info.backstop_timeouts),
           static_cast<unsigned long long>(info.rescued_wakes),
           static_cast<unsigned long long>(info.rescued_deaths),
           static_cast<unsigned long long>(info.stopped_predecessors));
    if (violated() || hung_ || too_many || rescued) {
      printf("VIOLATED; replay: storm --seed %u (see the options above; moments of kills vary)\n",
             options.seed);
      return 1;
    }
    // A run in which nobody slept, or nobody died owning, shows nothing.
    if (info.head_sleeps == 0 || reports == 0) {
      printf("nothing was tried: %s\n", reports == 0 ? "no owner died" : "nobody slept");
      return 2;
    }
    return 0;
  }

  heirlock::domain domain_;
  std::vector<child> children_;
  unsigned struck_at_[static_cast<unsigned>(phase::count)] = {};
  bool hung_ = false;
  bool crashed_ = false;
};

int usage() {
  fprintf(stderr, "usage: storm [--kills N] [--processes N] [--threads N] [--seed N] [--seconds N] "
                  "[--backstop MS]\n"
                  "             [--nested] [--timed] [--detaching] [--asymmetric]\n");
  return 2;
}

bool parse(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const auto number = [&](unsigned& value) {
      if (i + 1 >= argc) return false;
      char* end = nullptr;
      value = static_cast<unsigned>(strtoul(argv[++i], &end, 10));
      return *end == '\0' && end != argv[i];
    };
    bool ok = true;
    if (name == "--kills")
      ok = number(options.kills);
    else if (name == "--processes")
      ok = number(options.processes);
    else if (name == "--threads")
      ok = number(options.threads);
    else if (name == "--seed")
      ok = number(options.seed);
    else if (name == "--seconds")
      ok = number(options.seconds);
    else if (name == "--backstop")
      ok = number(options.backstop_ms);
    else if (name == "--nested")
      options.nested = true;
    else if (name == "--timed")
      options.timed = true;
    else if (name == "--detaching")
      options.detaching = true;
    else if (name == "--asymmetric")
      options.asymmetric = true;
    else
      ok = false;
    if (!ok) return false;
  }
  return options.processes >= 1 && options.processes <= most_processes && options.threads >= 1 &&
         options.threads <= most_threads;
}

} // namespace
} // namespace heirlock::test

int main(int argc, char** argv) {
  using namespace heirlock::test;
  if (!parse(argc, argv)) return usage();
  heirlock_error_t error;
  const int memory = heirlock_domain_memfd(&error);
  if (memory < 0) {
    fprintf(stderr, "storm: %s\n", error.text);
    return 2;
  }
  try {
    const auto domain =
        heirlock::domain::open(heirlock::domain_options::of_descriptor(memory)
                                   .threads(options.processes * options.threads + spare_seats)
                                   .unlock(options.asymmetric ? heirlock::unlock_mode::asymmetric
                                                              : heirlock::unlock_mode::rmw)
                                   .backstop(std::chrono::milliseconds(options.backstop_ms)));
    void* memory_of_book = mmap(nullptr, sizeof(ledger), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory_of_book == MAP_FAILED) {
      perror("storm: mmap");
      return 2;
    }
    book = static_cast<ledger*>(memory_of_book); // zeroed, which is what every record starts from
    for (guarded& g : book->mutexes)
      new (&g.lock) heirlock::mutex(domain);
    return storm(domain).run();
  } catch (const std::exception& failure) {
    fprintf(stderr, "storm: %s\n", failure.what());
    return 2;
  }
}
