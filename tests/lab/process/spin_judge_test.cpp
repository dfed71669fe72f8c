// SPDX-License-Identifier: Apache-2.0
#include "lab/process/spin_judge.hpp"

#include <gtest/gtest.h>

namespace heirlock::lab::process_test {
namespace {

using namespace std::chrono_literals;

// One look after the other at a thread that uses the same time between any two; nobody looks for ever.
unsigned looks_until_it_spins(spin_judge& judge, std::chrono::nanoseconds each_time) {
  constexpr unsigned many = 10'000;
  std::chrono::nanoseconds used = 1h;
  unsigned looks = 1;
  while (!judge.spins(used) && looks < many) {
    used += each_time;
    ++looks;
  }
  return looks;
}

TEST(spin_judge, counts_what_is_used_between_looks) {
  spin_judge judge(2ms);
  EXPECT_EQ(looks_until_it_spins(judge, 100us), 22u);
}

// A hypervisor may take any time away at once.
TEST(spin_judge, does_not_take_one_long_look_or_a_few_for_a_wait) {
  spin_judge judge(2ms);
  EXPECT_EQ(looks_until_it_spins(judge, 1h), 6u);
}

TEST(spin_judge, takes_nobody_for_one_who_waits_actively_who_uses_no_time) {
  spin_judge judge(2ms);
  EXPECT_EQ(looks_until_it_spins(judge, 0ns), 10'000u);
}

} // namespace
} // namespace heirlock::lab::process_test
