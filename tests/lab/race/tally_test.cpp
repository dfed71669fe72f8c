// SPDX-License-Identifier: Apache-2.0
#include "lab/race/tally.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

#include <gtest/gtest.h>

namespace heirlock::lab::race {
namespace {

tally counted(std::uint64_t hits, std::uint64_t attempts) {
  tally result;
  result.hits = hits;
  result.attempts = attempts;
  result.seconds = 2;
  return result;
}

struct published {
  std::uint64_t hits, attempts;
  double low, high;
};

// R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 5; four decimals are printed there.
TEST(interval_of_a_proportion, agrees_with_the_table_of_newcombe) {
  for (const auto& row : {published{81, 263, 0.2527, 0.3676}, published{15, 148, 0.0578, 0.1617},
                          published{0, 20, 0.0000, 0.1684}, published{1, 29, 0.0009, 0.1776}}) {
    const interval bounds = clopper_pearson(row.hits, row.attempts);
    EXPECT_NEAR(bounds.low, row.low, 5e-5) << row.hits << " of " << row.attempts;
    EXPECT_NEAR(bounds.high, row.high, 5e-5) << row.hits << " of " << row.attempts;
  }
}

// With 0 hits (1 - p)^n = 2.5 % can be solved by hand. Seven digits: the logarithms of the gamma function
// cancel for large n.
TEST(interval_of_a_proportion, has_the_closed_form_when_nothing_or_everything_hits) {
  for (const std::uint64_t n : {1U, 7U, 300U, 100000U, 10000000U}) {
    const double bound = -std::expm1(std::log(0.025) / static_cast<double>(n));
    EXPECT_EQ(clopper_pearson(0, n).low, 0);
    EXPECT_NEAR(clopper_pearson(0, n).high / bound, 1, 1e-7) << n;
    EXPECT_EQ(clopper_pearson(n, n).high, 1);
    EXPECT_NEAR(1 - clopper_pearson(n, n).low, bound, 1e-9) << n;
  }
}

// The definition: at each bound the tail that begins with the observed number holds 2.5 %.
TEST(interval_of_a_proportion, puts_two_and_a_half_percent_into_each_tail) {
  const auto tail = [](std::uint64_t from, std::uint64_t to, std::uint64_t n, double p) {
    double sum = 0;
    for (std::uint64_t k = from; k <= to; ++k) {
      const auto x = static_cast<double>(k);
      const auto all = static_cast<double>(n);
      sum += std::exp(std::lgamma(all + 1) - std::lgamma(x + 1) - std::lgamma(all - x + 1) +
                      x * std::log(p) + (all - x) * std::log1p(-p));
    }
    return sum;
  };
  for (const std::uint64_t n : {5U, 40U, 1000U}) {
    for (const std::uint64_t x : {std::uint64_t{1}, n / 3, n - 1}) {
      const interval bounds = clopper_pearson(x, n);
      EXPECT_NEAR(tail(x, n, n, bounds.low), 0.025, 1e-8) << x << " of " << n;
      EXPECT_NEAR(tail(0, x, n, bounds.high), 0.025, 1e-8) << x << " of " << n;
    }
  }
}

TEST(interval_of_a_proportion, is_everything_without_attempts) {
  EXPECT_EQ(clopper_pearson(0, 0).low, 0);
  EXPECT_EQ(clopper_pearson(0, 0).high, 1);
  EXPECT_EQ(tally{}.rate(), 0);
  EXPECT_EQ(tally{}.hits_per_second(), 0);
}

TEST(interval_of_a_proportion, refuses_impossible_input) {
  EXPECT_THROW(static_cast<void>(clopper_pearson(2, 1)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(clopper_pearson(1, 2, 0)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(clopper_pearson(1, 2, 1)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(clopper_pearson(1, 2, std::numeric_limits<double>::quiet_NaN())),
               std::invalid_argument);
}

// A. Agresti, Categorical Data Analysis: 189 of 11034 with placebo, 104 of 11037 with aspirin; 1.83, 1.44 to 2.33.
TEST(odds_ratio_of_two_series, agrees_with_the_aspirin_study) {
  const auto ratio = compare(counted(189, 11034), counted(104, 11037));
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(ratio->value, 1.83, 0.005);
  EXPECT_NEAR(ratio->bounds.low, 1.44, 0.005);
  EXPECT_NEAR(ratio->bounds.high, 2.33, 0.005);
  EXPECT_FALSE(ratio->corrected);
}

// 5 of 10 against 0 of 10, with 1/2 added to each cell: (5.5 * 10.5) / (5.5 * 0.5) = 21.
TEST(odds_ratio_of_two_series, adds_one_half_to_each_cell_when_one_is_empty) {
  const auto ratio = compare(counted(5, 10), counted(0, 10));
  ASSERT_TRUE(ratio);
  EXPECT_TRUE(ratio->corrected);
  EXPECT_NEAR(ratio->value, 21, 1e-9);
  const double half = 1.959963984540054 * std::sqrt(2 / 5.5 + 1 / 0.5 + 1 / 10.5);
  EXPECT_NEAR(std::log(ratio->bounds.low), std::log(21) - half, 1e-9);
  EXPECT_NEAR(std::log(ratio->bounds.high), std::log(21) + half, 1e-9);
  EXPECT_NE(summary(*ratio).find("Haldane-Anscombe"), std::string::npos);
  EXPECT_TRUE(compare(counted(10, 10), counted(3, 10))->corrected);
}

TEST(odds_ratio_of_two_series, does_not_exist_when_one_attempted_nothing) {
  EXPECT_FALSE(compare(counted(0, 0), counted(1, 2)));
  EXPECT_FALSE(compare(counted(1, 2), counted(0, 0)));
}

TEST(yield_of_two_series, says_that_higher_odds_do_not_make_more_hits_where_a_trial_is_dearer) {
  tally natural = counted(40, 4000);
  natural.seconds = 2;
  tally widened = counted(18, 20);
  widened.seconds = 2;
  const std::string both = "widened 9.0 hits (of 10.0 kills, 90.00 % of which hit), natural 20.0 "
                           "hits (of 2000.0 kills, 1.00 % of which hit)";
  EXPECT_EQ(yields(widened, natural), both + ": each widened trial is dearer, and --widen raises "
                                             "the odds of a trial, not the number of hits");
  widened.seconds = 0.5;
  EXPECT_EQ(yields(widened, natural), "widened 36.0 hits (of 40.0 kills, 90.00 % of which hit), "
                                      "natural 20.0 hits (of 2000.0 kills, 1.00 % of which hit)");
  EXPECT_EQ(yields(counted(0, 0), counted(0, 0)),
            "widened 0.0 hits (of 0.0 kills, 0.00 % of which hit), natural 0.0 hits (of 0.0 kills, "
            "0.00 % of which hit)");
}

TEST(odds_ratio_of_two_series, takes_each_stall_in_the_place_of_each_kill) {
  tally widened = counted(30, 30);
  widened.stalls = 90;
  const auto per_stall = compare_per_stall(widened, counted(1, 100));
  ASSERT_TRUE(per_stall);
  EXPECT_NEAR(per_stall->value, (30. / 60) / (1. / 99), 1e-9);
  EXPECT_FALSE(per_stall->corrected);
  EXPECT_GT(compare(widened, counted(1, 100))->value, 10 * per_stall->value);
  EXPECT_FALSE(compare_per_stall(counted(30, 30), counted(1, 100))) << "nothing stalled";
}

TEST(summary_of_a_series, states_an_upper_bound_when_there_was_no_hit) {
  const std::string text = summary(counted(0, 20));
  EXPECT_NE(text.find("fewer than 16.84 %"), std::string::npos) << text;
  EXPECT_NE(summary(counted(0, 0)).find("nothing can be said"), std::string::npos);
  EXPECT_NE(summary(counted(81, 263)).find("25.27 to 36.76 %"), std::string::npos);
}

TEST(line_of_the_discussion, prints_both_words_with_sixteen_digits) {
  EXPECT_EQ(to_string(corruption{0x8001fe8d8001fe8d, 0x8001fe8dc0000000}),
            "Memory was corrupted by the kernel: 8001fe8d8001fe8d vs 8001fe8dc0000000");
  EXPECT_EQ(to_string(corruption{0x2a0000002a, 0x2a40000000}),
            "Memory was corrupted by the kernel: 0000002a0000002a vs 0000002a40000000");
}

} // namespace
} // namespace heirlock::lab::race
