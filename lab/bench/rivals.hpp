// SPDX-License-Identifier: Apache-2.0
// The rivals behind one concept: something that lies in memory which processes share, and is locked and unlocked.
// Each is called as a program would call it, so that what a compiler can inline is inlined here too.
#pragma once

#include <heirlock/mutex.hpp>
#include <pthread.h>

#include <atomic>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <cerrno>
#include <concepts>
#include <cstdint>
#include <cstdlib>

namespace heirlock::lab::bench {

template <class T>
concept rival = requires(T& lock) {
  lock.lock();
  lock.unlock();
};

// One that outlives its owner: recover() locks, and repairs what a dead owner may have left.
template <class T>
concept recoverable = rival<T> && requires(T& lock) {
  lock.recover();
};

// One that wants to know when a process begins to use it.
template <class T>
concept told_of_processes = requires(T& lock) {
  lock.begin_process();
};

template <int Robust>
class pthread_rival {
 public:
  pthread_rival() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, Robust);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  // Checked, as every caller of a robust mutex must.
  void lock() {
    if (pthread_mutex_lock(&mutex_) != 0) std::abort();
  }
  void unlock() { pthread_mutex_unlock(&mutex_); }
  void recover() requires(Robust == PTHREAD_MUTEX_ROBUST) {
    if (pthread_mutex_lock(&mutex_) == EOWNERDEAD) pthread_mutex_consistent(&mutex_);
  }

 private:
  pthread_mutex_t mutex_;
};

using glibc_normal = pthread_rival<PTHREAD_MUTEX_STALLED>;
using glibc_robust = pthread_rival<PTHREAD_MUTEX_ROBUST>;
using boost_interprocess = boost::interprocess::interprocess_mutex;

class heirlock_inline : public heirlock::mutex {
 public:
  using heirlock::mutex::mutex;
  void recover() {
    auto got = acquire();
    if (got.needs_repair()) got.mark_consistent();
    if (got.release() == nullptr) std::abort();
  }
};

// The least that any lock which a waiter can find free costs: one atomic read-modify-write and one store.
class floor_rival {
 public:
  void lock() {
    std::uint64_t expected = 0;
    if (!word_.compare_exchange_strong(expected, 1, std::memory_order_acquire)) std::abort();
  }
  void unlock() { word_.store(0, std::memory_order_release); }

 private:
  alignas(16) std::atomic<std::uint64_t> word_{0};
};

static_assert(rival<glibc_normal> && rival<glibc_robust> && rival<boost_interprocess> &&
              rival<heirlock_inline> && rival<floor_rival>);
static_assert(recoverable<glibc_robust> && recoverable<heirlock_inline> &&
              !recoverable<glibc_normal>);

} // namespace heirlock::lab::bench
