// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <heirlock/domain.hpp>
#include <heirlock/mutex.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <gtest/gtest.h>
#include <new>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace heirlock::test {

using namespace std::chrono_literals;

// How long a condition may take to come true. Less where the tests are meant to fail.
inline std::chrono::seconds patience() {
  const char* given = getenv("HEIRLOCK_TEST_PATIENCE");
  return std::chrono::seconds(given != nullptr ? strtol(given, nullptr, 10) : 20);
}

// Waits for a condition, with a bound. False: it did not come true.
inline bool eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + patience();
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    usleep(200);
  }
  return true;
}

// Memory that children share.
template <class T>
class shared {
 public:
  template <class... Arguments>
  explicit shared(Arguments&&... arguments)
      : memory_(
            mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)),
        object_(memory_ == MAP_FAILED ? nullptr
                                      : new (memory_) T(std::forward<Arguments>(arguments)...)) {
    if (object_ == nullptr) std::abort();
  }
  ~shared() { munmap(memory_, sizeof(T)); }
  shared(const shared&) = delete;
  shared& operator=(const shared&) = delete;
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }

 private:
  void* memory_;
  T* object_;
};

// A child process that ends with the test, whatever happens.
class child {
 public:
  explicit child(const std::function<int()>& body) {
    fflush(stdout);
    const pid_t parent = getpid();
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(125);
    int status = 126;
    try {
      status = body();
    } catch (const std::exception& failure) {
      fprintf(stderr, "child: %s\n", failure.what());
    }
    _exit(status);
  }
  ~child() { kill_now(); }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  pid_t pid() const { return pid_; }
  void send(int signal) const { kill(pid_, signal); }
  // Returns when the process is gone, and with it its marks are set.
  void kill_now() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    int status = 0;
    // A stop may have been reported before.
    while (waitpid(pid_, &status, 0) == pid_ && !WIFEXITED(status) && !WIFSIGNALED(status)) {
    }
    pid_ = -1;
  }
  // The exit status; -1 when it did not end in time or was killed.
  int ended() {
    int status = -1;
    if (!eventually([&] { return waitpid(pid_, &status, WNOHANG) == pid_; })) return -1;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // Until it sleeps in futex_waitv.
  bool falls_asleep() const { return sleeps_in(SYS_futex_waitv); }
  bool sleeps_in(long call) const {
    return eventually([&] {
      char path[64];
      snprintf(path, sizeof path, "/proc/%d/syscall", pid_);
      FILE* file = fopen(path, "re");
      if (file == nullptr) return false;
      char line[256] = "";
      const bool was_read = fgets(line, sizeof line, file) != nullptr;
      fclose(file);
      char* end = line; // "running", where it is in no call
      const long number = strtol(line, &end, 10);
      return was_read && end != line && number == call;
    });
  }
  bool stops() const {
    int status = 0;
    return eventually([&] { return waitpid(pid_, &status, WNOHANG | WUNTRACED) == pid_; }) &&
           WIFSTOPPED(status);
  }

 private:
  pid_t pid_;
};

// A domain that ends with the test.
class own_domain : public domain {
 public:
  explicit own_domain(const domain& handle) : domain(handle) {}
  ~own_domain() {
    heirlock_thread_detach(native_handle());
    heirlock_domain_close(native_handle());
  }
  own_domain(const own_domain&) = delete;
  own_domain& operator=(const own_domain&) = delete;
};

// A domain that no name leads to, so that nothing is left behind. Unless given otherwise it has no backstop:
// what is not woken hangs.
inline own_domain nameless(unlock_mode mode = unlock_mode::rmw, std::uint32_t threads = 64,
                           std::chrono::milliseconds trust = 0ms) {
  heirlock_error_t error;
  const int memory = heirlock_domain_memfd(&error);
  if (memory < 0) throw std::runtime_error(error.text);
  const domain made = domain::open(
      domain_options::of_descriptor(memory).threads(threads).unlock(mode).backstop(trust));
  close(memory);
  return own_domain(made);
}

} // namespace heirlock::test
