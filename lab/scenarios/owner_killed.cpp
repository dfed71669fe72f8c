// SPDX-License-Identifier: Apache-2.0
#include "lab/scenarios/scenarios.hpp"
#include "lab/scenarios/two_heirs.hpp"

namespace heirlock::lab {
namespace {

class owner_killed final : public scenario {
 public:
  std::string_view name() const override { return "owner-killed"; }
  std::string_view summary() const override {
    return "the victim is killed; two other processes take the lock one after the other";
  }
  std::string_view promise() const override {
    return "if the victim owned the lock, exactly one of them is told, exactly once; if not, none";
  }
  std::vector<premise> premises(operation) const override { return {premise::victim_died_owning}; }
  std::optional<subject_call> second_call(operation op) const override {
    switch (op) {
    case operation::unlock_contended:
      return std::nullopt;
    case operation::lock_contended:
    case operation::trylock_contended:
      return subject_call::unlock;
    default:
      return subject_call::lock;
    }
  }
  std::unique_ptr<play> perform(run& r) const override { return std::make_unique<two_heirs>(r); }
};

} // namespace

const scenario& owner_killed_scenario() {
  static const owner_killed instance;
  return instance;
}

} // namespace heirlock::lab
