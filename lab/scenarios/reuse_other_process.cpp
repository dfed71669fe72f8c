// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/release_and_reuse.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

class reuse_other_process final : public scenario {
 public:
  std::string_view name() const override { return "reuse-other-process"; }
  std::string_view summary() const override {
    return "another process that maps the segment takes the released lock, destroys it, and its "
           "allocator "
           "reuses the memory";
  }
  std::string_view promise() const override {
    return "memory that is no longer the lock's does not change";
  }
  std::vector<premise> premises(operation) const override { return {premise::memory_reused}; }
  std::string_view why_not(operation op) const override {
    return is_release(op) ? std::string_view() : nobody_may_free_it;
  }
  std::optional<subject_call> second_call(operation op) const override {
    return is_contended(op) ? std::nullopt : std::optional(subject_call::trylock);
  }
  bool reuses_memory() const override { return true; }
  std::unique_ptr<play> perform(run& r) const override {
    return std::make_unique<release_and_reuse>(r,
                                               release_and_reuse::taker_lives::in_another_process);
  }
};

} // namespace

const scenario& reuse_other_process_scenario() {
  static const reuse_other_process instance;
  return instance;
}

} // namespace heirlock::lab
