// SPDX-License-Identifier: Apache-2.0
#include "lab/process/interrupt.hpp"

#include <signal.h>

#include <csignal>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

volatile std::sig_atomic_t requested = 0;

void on_signal(int signal_number) {
  requested = 1;
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
  return requested != 0;
}

void check_interrupt() {
  if (interrupt_requested()) throw interrupted();
}

} // namespace heirlock::lab
