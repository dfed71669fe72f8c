// SPDX-License-Identifier: Apache-2.0
// The seven steps of the unlock in every order that comes of moving one of them to another place. All that the order
// has to keep is this: 1 before 2 before 4, 3 before 4 before 5 before 6, and 7 not between 3 and 6. What keeps it must
// be clean; in every other order the audit must find something. (7 before 3 is as if it were left out: fault_audit_test.cpp
// has the case in which that is found.)
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

constexpr std::string_view right_order = "1234567";

std::vector<std::string> orders() {
  std::vector<std::string> all;
  for (const char step : right_order) {
    for (std::size_t place = 0; place < right_order.size(); ++place) {
      std::string order(right_order);
      std::erase(order, step);
      order.insert(place, 1, step);
      if (std::ranges::find(all, order) == all.end()) all.push_back(order);
    }
  }
  return all;
}

bool keeps_what_it_must(const std::string& order) {
  const auto before = [&](char one, char other) { return order.find(one) < order.find(other); };
  return before('1', '2') && before('2', '4') && before('3', '4') && before('4', '5') &&
         before('5', '6') && !(before('3', '7') && before('7', '6'));
}

class OrderOfSteps : public testing::TestWithParam<std::string> {};

TEST_P(OrderOfSteps, IsCleanOrFoundOutAsItKeepsOrBreaksWhatItMust) {
  constexpr std::pair<operation, const char*> cases[] = {
      {operation::unlock, "owner-killed"},
      {operation::unlock, "reuse-other-process"},
      {operation::unlock_contended, "waiter-asleep"},
  };
  const kernel::policy& policy = kernel::rseq_rl_cs_mended();
  const std::string library = std::string(ORDER_DIRECTORY) + "/" + GetParam() + ".so";
  unsigned violations = 0;
  for (const auto& [op, scenario] : cases) {
    const auto report = audit_under(policy, library, op, scenario);
    violations += report.violations.size();
    if (keeps_what_it_must(GetParam())) {
      EXPECT_TRUE(is_clean(report)) << replay_under(policy, report);
    } else if (violations > 0) {
      return;
    }
  }
  EXPECT_TRUE(keeps_what_it_must(GetParam())) << "not found out";
}

INSTANTIATE_TEST_SUITE_P(Steps, OrderOfSteps, testing::ValuesIn(orders()),
                         [](const auto& one) { return one.param; });

TEST(OrdersOfSteps, AreTheRightOneFiveHarmlessOnesAndThirtyOneThatAreNot) {
  const auto all = orders();
  EXPECT_EQ(all.size(), 37u);
  EXPECT_EQ(std::ranges::count_if(all, keeps_what_it_must), 6);
}

} // namespace
} // namespace heirlock::lab
