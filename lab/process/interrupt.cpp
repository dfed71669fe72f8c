// SPDX-License-Identifier: Apache-2.0
#include "lab/process/interrupt.hpp"

#include <signal.h>
#include <time.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// Of CLOCK_MONOTONIC, in nanoseconds; never 0 once the system has begun.
using moment = std::int64_t;

// Stored by a signal handler, in whichever thread (two may be in one at once), and looked at by each that audits.
std::atomic<moment> first = 0;
static_assert(std::atomic<moment>::is_always_lock_free, "handlers take no lock");
std::atomic<moment> patience = 0;

moment now() {
  timespec t = {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

void on_signal(int signal_number) {
  const int error = errno;
  const moment came = now();
  moment before = 0;
  if (!first.compare_exchange_strong(before, came) && came - before >= patience) {
    std::signal(signal_number, SIG_DFL);
    raise(signal_number); // blocked until this handler returns
  }
  errno = error;
}

} // namespace

void install_interrupt_handlers(std::chrono::nanoseconds to_clean_up) {
  patience = to_clean_up.count();
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before = {};
    sigaction(signal_number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) sigaction(signal_number, &action, nullptr);
  }
}

bool interrupt_requested() {
  return first.load(std::memory_order_relaxed) != 0;
}

void check_interrupt() {
  if (interrupt_requested()) throw interrupted();
}

} // namespace heirlock::lab
