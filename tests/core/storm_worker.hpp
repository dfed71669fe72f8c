// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the victims of the storm do, and the ledger in which they note it.
#include <heirlock/mutex.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <pthread.h>
#include <random>
#include <sys/prctl.h>
#include <unistd.h>
#include <vector>

namespace heirlock::test {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

inline constexpr unsigned most_processes = 16;
inline constexpr unsigned most_threads = 8;
inline constexpr unsigned mutex_count = 3;
// None, so that the seats of the dead are claimed again while their mutexes still name them.
inline constexpr unsigned spare_seats = 0;
inline constexpr unsigned most_lives = 1u << 21; // processes and threads ever started

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
inline constexpr const char* phase_names[] = {"idle", "locking", "owning", "unlocking", "claiming"};

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

inline ledger* book = nullptr;
inline settings options;

// How long a thread may stay without progress.
inline std::chrono::seconds patience() {
  const char* given = getenv("HEIRLOCK_TEST_PATIENCE");
  return std::chrono::seconds(given != nullptr ? strtol(given, nullptr, 10) : 10);
}

inline bool is_dead(std::uint64_t life) {
  return book->dead[life].load() != 0 || book->dead[book->process_of_life[life].load()].load() != 0;
}

inline std::uint32_t new_life(std::uint32_t process) {
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

inline void* thread_main(void* argument) {
  const auto& start = *static_cast<thread_start*>(argument);
  worker(start.slot, start.thread, start.process, *start.domain).run();
  return nullptr;
}

[[noreturn]] inline void process_main(unsigned slot, std::uint32_t life,
                                      const heirlock::domain& domain, pid_t parent) {
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

} // namespace heirlock::test
