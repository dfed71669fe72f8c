// SPDX-License-Identifier: Apache-2.0
// The audit must find each fault that is planted into the transaction. The kernel is the mended one, which is
// clean with the sound transaction, so what it finds is the fault.
#include <gtest/gtest.h>

#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

struct planted {
  const char* fault;
  operation op;
  const char* scenario;
  verdict found;
};

std::string library(const std::string& name) {
  return std::string(FAULT_DIRECTORY) + "/" + name + ".so";
}

class PlantedFault : public testing::TestWithParam<planted> {};

TEST_P(PlantedFault, IsFoundAndIsNotThereInTheSoundTransaction) {
  const auto& [fault, op, scenario, found] = GetParam();
  const case_report report = audit_under(kernel::rseq_rl_cs_mended(), library(fault), op, scenario);
  EXPECT_GT(count(report, found), 0u)
      << "nothing " << name_of(found) << " in " << name_of(op) << ", " << scenario;
  const bool conditional = std::string(fault).starts_with("conditional");
  EXPECT_TRUE(
      is_clean(audit_under(kernel::rseq_rl_cs_mended(),
                           library(conditional ? "conditional_sound" : "sound"), op, scenario)));
}

constexpr planted faults[] = {
    {"drop_step_3", operation::unlock, "reuse-other-process", verdict::corrupted},
    {"drop_step_5", operation::unlock_contended, "waiter-asleep", verdict::lost_wakeup},
    {"drop_step_6", operation::unlock, "reuse-other-process", verdict::corrupted},
    {"step_3_after_4", operation::unlock, "reuse-other-process", verdict::corrupted},
    {"step_6_before_4", operation::unlock, "owner-killed", verdict::owner_lost},
    {"step_5_after_6", operation::unlock_contended, "waiter-asleep", verdict::lost_wakeup},
    {"begins_early", operation::unlock, "owner-killed", verdict::owner_lost},
    {"begins_late", operation::unlock, "reuse-other-process", verdict::corrupted},
    {"ends_early", operation::unlock, "reuse-other-process", verdict::corrupted},
    {"unknown_version", operation::unlock, "reuse-other-process", verdict::corrupted},
    {"conditional_success_early", operation::unlock_contended, "owner-killed", verdict::owner_lost},
    {"conditional_store_late", operation::unlock, "reuse-other-process", verdict::corrupted},
};

INSTANTIATE_TEST_SUITE_P(Transaction, PlantedFault, testing::ValuesIn(faults),
                         [](const auto& fault) { return std::string(fault.param.fault); });

// What the steps do not owe to any kill is said here, so that nobody takes their absence above for a gap.
TEST(HarmlessChange, TheDescriptorMayStayPublishedAndTheRangeMayEndOneInstructionLate) {
  for (const char* change : {"drop_step_7", "ends_late"})
    for (const char* scenario : {"reuse-other-process", "owner-killed", "signal-in-window"})
      EXPECT_TRUE(is_clean(
          audit_under(kernel::rseq_rl_cs_mended(), library(change), operation::unlock, scenario)))
          << change << " " << scenario;
}

// A kernel that takes every store-conditional for a success.
class ignores_the_success_rule final : public kernel::policy {
 public:
  std::string_view name() const override { return "ignores-the-success-rule"; }
  std::string_view summary() const override { return {}; }
  void thread_exits(kernel::task& dying) const override {
    dying.cpu.condition |= kernel::rule_of(dying.cpu.arch).mask;
    kernel::rseq_rl_cs_mended().thread_exits(dying);
  }
};

TEST(SuccessRule, AKernelThatIgnoresItLosesTheOwnerWhoseReleaseFailed) {
  const ignores_the_success_rule policy;
  const auto report = audit_under(policy, library("conditional_sound"), operation::unlock_contended,
                                  "owner-killed");
  EXPECT_GT(count(report, verdict::owner_lost), 0u);
}

} // namespace
} // namespace heirlock::lab
