// SPDX-License-Identifier: Apache-2.0
#include "lab/process/trouble.hpp"
#include "lab/scenarios/release_and_reuse.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

class killed_in_handler final : public release_and_reuse {
 public:
  explicit killed_in_handler(run& r) : release_and_reuse(r, taker_lives::in_another_process) {}

  void at_kill_point() override {
    if (r_.victim().interrupt() != progress::in_handler)
      throw trouble("the victim did not come to its signal handler");
    release_and_reuse::at_kill_point();
  }
  actor* second() override { return nullptr; }
};

class signal_in_window final : public scenario {
 public:
  std::string_view name() const override { return "signal-in-window"; }
  std::string_view summary() const override {
    return "a signal handler interrupts the victim, which is killed inside the handler, after "
           "another "
           "process has taken, destroyed and reused the lock";
  }
  std::string_view promise() const override {
    return "memory that is no longer the lock's does not change";
  }
  std::vector<premise> premises(operation) const override { return {premise::memory_reused}; }
  std::string_view why_not(operation op) const override {
    return is_release(op) ? std::string_view() : nobody_may_free_it;
  }
  bool reuses_memory() const override { return true; }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<killed_in_handler>(r);
  }
};

} // namespace

const scenario& signal_in_window_scenario() {
  static const signal_in_window instance;
  return instance;
}

} // namespace heirlock::lab
