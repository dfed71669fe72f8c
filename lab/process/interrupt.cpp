// SPDX-License-Identifier: Apache-2.0
#include "lab/process/interrupt.hpp"

#include <signal.h>

#include <atomic>
#include <csignal>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// Stored by a signal handler, in whichever thread, and looked at by each that audits.
std::atomic<bool> requested = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int signal_number) {
  requested.store(true, std::memory_order_relaxed);
  std::signal(signal_number, SIG_DFL);
}

} // namespace

void install_interrupt_handlers() {
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
  return requested.load(std::memory_order_relaxed);
}

void check_interrupt() {
  if (interrupt_requested()) throw interrupted();
}

} // namespace heirlock::lab
