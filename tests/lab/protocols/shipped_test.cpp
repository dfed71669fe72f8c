// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "lab/kernel/policy.hpp"
#include "lab/process/trouble.hpp"
#include "lab/subjects/shipped.hpp"

namespace heirlock::lab {
namespace {

TEST(ShippedSubject, IsFoundByItsNameAndSaysWhatItIs) {
  for (const std::string& name : shipped_subjects()) {
    const auto library = shipped_subject_library(name);
    ASSERT_TRUE(library.has_value()) << name;
    const auto about = describe_subject(*library);
    EXPECT_EQ(about.name, name);
    EXPECT_FALSE(about.summary.empty()) << name;
    EXPECT_TRUE(about.policy.empty() || kernel::policy_named(about.policy) != nullptr) << name;
  }
}

TEST(ShippedSubject, OfTheProposalNeedsItsPolicyAndTheBaselineNeedsNone) {
  const auto policy_of = [](const char* name) {
    return describe_subject(shipped_subject_library(name).value()).policy;
  };
  EXPECT_EQ(policy_of("rseq-rl-cs"), "rseq-rl-cs");
  EXPECT_EQ(policy_of("robust-list"), "");
}

TEST(ShippedSubject, IsNeverAPathOrAnEmptyName) {
  EXPECT_FALSE(shipped_subject_library("").has_value());
  EXPECT_FALSE(shipped_subject_library("../subjects/robust-list").has_value());
  EXPECT_THROW(describe_subject("/proc/self/exe"), trouble);
}

} // namespace
} // namespace heirlock::lab
