// SPDX-License-Identifier: Apache-2.0
// The audit must find each fault that is planted into the transaction: each of its steps dropped, or out of its
// place, each of the descriptor's three addresses one instruction off, to either side, and the end of the list lost. The kernel is the mended
// one, which is clean with the sound transaction, so what it finds is the fault.
#include <gtest/gtest.h>

#include <ostream>

#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

std::string library(const std::string& name) {
  return std::string(FAULT_DIRECTORY) + "/" + name + ".so";
}

// What the fault was planted into.
std::string sound(std::string_view fault) {
  if (fault.starts_with("conditional")) return "conditional_sound";
  if (fault.ends_with("descriptor_reused")) return "sound_descriptor_reused";
  return "sound";
}

struct planted {
  const char* fault;
  operation op;
  const char* scenario;
  verdict found;
};

void PrintTo(const planted& p, std::ostream* to) {
  *to << p.fault << ": " << name_of(p.found) << " in " << name_of(p.op) << ", " << p.scenario;
}

class PlantedFault : public testing::TestWithParam<planted> {};

TEST_P(PlantedFault, IsFoundAndIsNotThereInTheSoundTransaction) {
  const auto& [fault, op, scenario, found] = GetParam();
  const case_report report = audit_under(kernel::rseq_rl_cs_mended(), library(fault), op, scenario);
  EXPECT_GT(count(report, found), 0u) << replay_under(kernel::rseq_rl_cs_mended(), report);
  EXPECT_TRUE(
      is_clean(audit_under(kernel::rseq_rl_cs_mended(), library(sound(fault)), op, scenario)));
}

constexpr auto lock = operation::lock;
constexpr auto unlock = operation::unlock;
constexpr auto contended = operation::unlock_contended;
constexpr const char* reuse = "reuse-other-process";
constexpr const char* killed = "owner-killed";
constexpr const char* cut = "unmapped-while-held";
constexpr const char* asleep = "waiter-asleep";

constexpr planted steps[] = {
    {"caller_drop_step_1", unlock, killed, verdict::owner_lost},
    {"caller_drop_step_2", unlock, reuse, verdict::corrupted},
    {"drop_step_3", unlock, reuse, verdict::corrupted},
    {"drop_step_4", unlock, killed, verdict::owner_lost},
    {"drop_step_5", contended, asleep, verdict::lost_wakeup},
    {"drop_step_6", unlock, reuse, verdict::corrupted},
    // Without it the address of the descriptor outlives the descriptor.
    {"drop_step_7_descriptor_reused", lock, killed, verdict::owner_lost},
    {"caller_step_2_before_1", unlock, killed, verdict::owner_lost},
    {"caller_step_2_after_7", unlock, reuse, verdict::corrupted},
    {"step_3_after_4", unlock, reuse, verdict::corrupted},
    {"step_5_before_4", contended, asleep, verdict::lost_wakeup},
    {"step_5_after_6", contended, asleep, verdict::lost_wakeup},
    {"step_6_before_4", unlock, killed, verdict::owner_lost},
    {"step_7_before_6", unlock, reuse, verdict::corrupted},
};
constexpr planted addresses[] = {
    {"store_ip_early", unlock, killed, verdict::owner_lost},
    {"success_ip_early", unlock, killed, verdict::owner_lost},
    {"success_ip_late_zf_clear", unlock, reuse, verdict::corrupted},
    {"ends_early", unlock, reuse, verdict::corrupted},
    // Both of the first two, which are one address where the release cannot fail.
    {"begins_early", unlock, killed, verdict::owner_lost},
    {"begins_late", unlock, reuse, verdict::corrupted},
    {"conditional_store_early", contended, killed, verdict::owner_lost},
    {"conditional_store_late", unlock, reuse, verdict::corrupted},
    {"conditional_success_early", contended, killed, verdict::owner_lost},
    {"conditional_ends_early", unlock, reuse, verdict::corrupted},
    // A release that failed leads to the instruction behind the range, and its lock is pending there.
    {"conditional_ends_late", contended, killed, verdict::owner_lost},
};

// Of the list that says where it ends.
constexpr planted ends[] = {
    {"list_end_not_set", unlock, cut, verdict::owner_lost},
    {"list_way_back_not_announced", unlock, cut, verdict::owner_lost},
};

std::string name_of_planted(const testing::TestParamInfo<planted>& one) {
  return one.param.fault;
}
INSTANTIATE_TEST_SUITE_P(Step, PlantedFault, testing::ValuesIn(steps), name_of_planted);
INSTANTIATE_TEST_SUITE_P(EndOfList, PlantedFault, testing::ValuesIn(ends), name_of_planted);
INSTANTIATE_TEST_SUITE_P(Address, PlantedFault, testing::ValuesIn(addresses), name_of_planted);

// What no kill can show is said here, with the reason, so that nobody takes its absence above for a gap.
struct harmless {
  const char* change;
  const char* why;
};

void PrintTo(const harmless& h, std::ostream* to) {
  *to << h.change << ": " << h.why;
}

class HarmlessChange : public testing::TestWithParam<harmless> {};

TEST_P(HarmlessChange, IsNotFoundInAnyScenario) {
  for (const scenario* what : scenarios_here()) {
    for (const operation op : {unlock, contended}) {
      if (!what->why_not(op).empty() || is_about_the_reaper(*what)) continue;
      const auto report = audit_under(kernel::rseq_rl_cs_mended(), library(GetParam().change), op,
                                      std::string(what->name()));
      EXPECT_TRUE(is_clean(report)) << replay_under(kernel::rseq_rl_cs_mended(), report);
    }
  }
}

constexpr harmless changes[] = {
    {"drop_step_7", "as long as the descriptor is there, it says where the range is"},
    {"caller_step_3_before_2", "before the release the instruction pointer is outside the range"},
    {"ends_late", "behind the clear nothing is pending where no failed release leads there"},
    {"store_ip_late", "the exchange cannot fail: post_success_ip covers the instruction left out"},
    {"success_ip_late", "the success rule is asked once and says yes: ZF is set there"},
    {"conditional_success_late", "only success leads to the instruction, and its ZF is in place"},
};

INSTANTIATE_TEST_SUITE_P(Transaction, HarmlessChange, testing::ValuesIn(changes),
                         [](const auto& one) { return std::string(one.param.change); });

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
  const auto report = audit_under(policy, library("conditional_sound"), contended, killed);
  EXPECT_GT(count(report, verdict::owner_lost), 0u);
}

} // namespace
} // namespace heirlock::lab
