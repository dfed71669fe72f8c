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
#include <heirlock/mutex.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <pthread.h>
#include <random>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

constexpr unsigned most_processes = 16;
constexpr unsigned most_threads = 8;
constexpr unsigned mutex_count = 3;
// None, so that the seats of the dead are claimed again while their mutexes still name them.
constexpr unsigned spare_seats = 0;
constexpr unsigned most_lives = 1u << 21; // processes and threads ever started

struct settings {
  unsigned kills = 2000;
  unsigned processes = 4;
  unsigned threads = 1;
  unsigned backstop_ms = 0;
  unsigned seed = 1;
  unsigned seconds = 0; // 0: no limit of time
  bool nested = false;
  bool timed = false;
  bool asymmetric = false;
  bool detaching = false;
};

enum class phase : unsigned { idle, locking, owning, unlocking, claiming, count };
constexpr const char* phase_names[] = {"idle", "locking", "owning", "unlocking", "claiming"};

struct alignas(64) guarded {
  heirlock::mutex lock;
  std::atomic<std::uint64_t> occupant; // a life, or 0
  std::atomic<std::uint64_t> begun, done;
};

struct alignas(64) thread_record {
  std::atomic<std::uint32_t> beats;
  std::atomic<std::uint32_t> at;
};

struct ledger {
  guarded mutexes[mutex_count];
  thread_record threads[most_processes][most_threads];
  std::atomic<std::uint64_t> lives;
  std::atomic<std::uint64_t> acquired, reports, timeouts, held_at_death, exits_holding, detaches;
  std::atomic<std::uint64_t> doubles, unreported, false_deaths, surprises;
  std::atomic<int> surprise_code;
  std::atomic<bool> stop;
  std::atomic<std::uint32_t> process_of_life[most_lives]; // life -> life of its process
  std::atomic<unsigned char> dead[most_lives];
};

ledger* book = nullptr;
settings options;

// How long a thread may stay without progress.
std::chrono::seconds patience() {
  const char* given = getenv("HEIRLOCK_TEST_PATIENCE");
  return std::chrono::seconds(given != nullptr ? atoi(given) : 10);
}

bool is_dead(std::uint64_t life) {
  return book->dead[life].load() != 0 || book->dead[book->process_of_life[life].load()].load() != 0;
}

std::uint32_t new_life(std::uint32_t process) {
  const std::uint64_t life = ++book->lives;
  if (life >= most_lives) _exit(2);
  book->process_of_life[life] = process == 0 ? static_cast<std::uint32_t>(life) : process;
  return static_cast<std::uint32_t>(life);
}

class worker {
 public:
  worker(unsigned slot, unsigned thread, std::uint32_t process, const heirlock::domain& domain)
      : record_(book->threads[slot][thread]), life_(new_life(process)), domain_(domain),
        random_(options.seed * 7919u + life_), may_exit_(options.threads > 1 && thread > 0) {}

  // True: leave the thread, perhaps with a mutex in hand.
  void run() {
    at(phase::claiming);
    domain_.attach_thread();
    while (!book->stop.load(std::memory_order_relaxed)) {
      at(phase::idle);
      record_.beats.fetch_add(1, std::memory_order_relaxed);
      const unsigned first = random_() % mutex_count;
      if (!enter(first)) continue;
      if (options.nested && first + 1 < mutex_count && random_() % 2 == 0) {
        if (enter(first + 1)) {
          section();
          leave(first + 1);
        }
      }
      section();
      if (may_exit_ && random_() % 4096 == 0) {
        book->dead[life_] = 1;
        ++book->exits_holding;
        return;
      }
      leave(first);
      if (options.detaching && random_() % 64 == 0) {
        at(phase::claiming);
        domain_.detach_thread();
        ++book->detaches;
      }
    }
    at(phase::idle);
  }

 private:
  void at(phase now) {
    record_.at.store(static_cast<std::uint32_t>(now), std::memory_order_relaxed);
  }

  // Mostly short, sometimes long enough for everyone else to fall asleep, sometimes with a sleep inside.
  void section() {
    const unsigned kind = random_() % 64;
    if (kind == 0) {
      const timespec delay{0, 50000};
      nanosleep(&delay, nullptr);
      return;
    }
    const unsigned turns = kind < 4 ? 60000 : kind < 12 ? 4000 : random_() % 100;
    for (unsigned i = 0; i < turns; ++i)
      asm volatile("" ::: "memory");
  }

  heirlock::outcome<heirlock::mutex> attempt(heirlock::mutex& lock) {
    if (options.timed) {
      const unsigned way = random_() % 4;
      if (way == 0) return lock.try_acquire();
      if (way == 1) return lock.acquire_for(std::chrono::microseconds(random_() % 2000));
      if (way == 2)
        return lock.acquire_until(std::chrono::system_clock::now() +
                                  std::chrono::microseconds(random_() % 2000));
    }
    return lock.acquire();
  }

  bool enter(unsigned index) {
    guarded& g = book->mutexes[index];
    at(phase::locking);
    auto got = attempt(g.lock);
    at(phase::owning);
    if (!got.owns()) {
      if (got.status() == heirlock::status::timed_out || got.status() == heirlock::status::busy) {
        ++book->timeouts;
      } else {
        ++book->surprises;
        book->surprise_code = static_cast<int>(got.status());
      }
      return false;
    }
    const std::uint64_t before = g.occupant.exchange(life_);
    if (got.needs_repair()) {
      ++book->reports;
      if (before != 0 && !is_dead(before)) ++book->false_deaths;
      g.done.store(g.begun.load());
      got.mark_consistent();
    } else if (before != 0) {
      ++(is_dead(before) ? book->unreported : book->doubles);
    } else if (g.begun.load() != g.done.load()) {
      ++book->unreported;
    }
    ++book->acquired;
    g.begun.fetch_add(1, std::memory_order_relaxed);
    got.release();
    return true;
  }

  void leave(unsigned index) {
    guarded& g = book->mutexes[index];
    g.done.fetch_add(1, std::memory_order_relaxed);
    std::uint64_t me = life_;
    if (!g.occupant.compare_exchange_strong(me, 0)) ++book->doubles;
    at(phase::unlocking);
    g.lock.unlock();
  }

  thread_record& record_;
  const std::uint32_t life_;
  heirlock::domain domain_;
  std::minstd_rand random_;
  const bool may_exit_;
};

struct thread_start {
  unsigned slot, thread;
  std::uint32_t process;
  const heirlock::domain* domain;
};

void* thread_main(void* argument) {
  const auto& start = *static_cast<thread_start*>(argument);
  worker(start.slot, start.thread, start.process, *start.domain).run();
  return nullptr;
}

[[noreturn]] void process_main(unsigned slot, std::uint32_t life, const heirlock::domain& domain,
                               pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(2);
  std::vector<thread_start> starts;
  std::vector<pthread_t> threads(options.threads);
  for (unsigned i = 0; i < options.threads; ++i)
    starts.push_back({slot, i, life, &domain});
  for (unsigned i = 1; i < options.threads; ++i)
    if (pthread_create(&threads[i], nullptr, thread_main, &starts[i]) != 0) _exit(2);
  thread_main(&starts[0]);
  for (unsigned i = 1; i < options.threads; ++i)
    pthread_join(threads[i], nullptr);
  _exit(0);
}

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

int main(int argc, char** argv) {
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
