// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <heirlock/heirlock.h>
#include <heirlock/mutex.hpp>

#include <atomic>
#include <concepts>
#include <cstdint>
#include <cstdlib>
#include <dlfcn.h>
#include <new>
#include <pthread.h>
#include <stdexcept>

// The rivals behind one concept: something that lies in shared memory, and is locked and unlocked.
namespace heirlock::bench {

template <class T>
concept rival = requires(T& lock) {
  lock.lock();
  lock.unlock();
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
  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_;
};

// The least that any lock which a waiter can find free costs: one atomic read-modify-write and one store.
class floor_rival {
 public:
  void lock() {
    std::uint64_t expected = 0;
    if (!word_.compare_exchange_strong(expected, 1, std::memory_order_acquire)) abort();
  }
  void unlock() { word_.store(0, std::memory_order_release); }

 private:
  alignas(16) std::atomic<std::uint64_t> word_{0};
};

using glibc_normal = pthread_rival<PTHREAD_MUTEX_STALLED>;
using glibc_robust = pthread_rival<PTHREAD_MUTEX_ROBUST>;
using heirlock_inline = ::heirlock::mutex;

// The C API of the shared library, loaded at run time next to the static one: its own domain, its own seats.
class shared_library {
 public:
  explicit shared_library(const char* path) : handle_(dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) throw std::runtime_error(dlerror());
    open = find<decltype(&heirlock_domain_open)>("heirlock_domain_open");
    init = find<decltype(&heirlock_mutex_init)>("heirlock_mutex_init");
    lock = find<decltype(&heirlock_mutex_lock)>("heirlock_mutex_lock");
    unlock = find<decltype(&heirlock_mutex_unlock)>("heirlock_mutex_unlock");
  }

  decltype(&heirlock_domain_open) open;
  decltype(&heirlock_mutex_init) init;
  decltype(&heirlock_mutex_lock) lock;
  decltype(&heirlock_mutex_unlock) unlock;

 private:
  template <class Function>
  Function find(const char* name) {
    void* symbol = dlsym(handle_, name);
    if (symbol == nullptr) throw std::runtime_error(dlerror());
    return reinterpret_cast<Function>(symbol);
  }
  void* handle_;
};

class heirlock_c {
 public:
  heirlock_c(const shared_library& library, heirlock_domain_t* domain) : library_(library) {
    heirlock_mutexattr_t attributes = {HEIRLOCK_MUTEX_NORMAL, 0, domain};
    if (library_.init(&mutex_, &attributes) != 0) throw std::runtime_error("heirlock_mutex_init");
  }
  void lock() {
    if (library_.lock(&mutex_) != 0) abort();
  }
  void unlock() { library_.unlock(&mutex_); }

 private:
  const shared_library& library_;
  heirlock_mutex_t mutex_;
};

static_assert(rival<glibc_normal> && rival<glibc_robust> && rival<heirlock_inline> &&
              rival<heirlock_c> && rival<floor_rival>);

} // namespace heirlock::bench
