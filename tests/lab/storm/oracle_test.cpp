// SPDX-License-Identifier: Apache-2.0
// The storm's judge, fed with histories that are written down here.
#include "lab/storm/oracle.hpp"

#include <gtest/gtest.h>

namespace heirlock::lab::storm {
namespace {

constexpr std::uint32_t anna = life_of(1, 0), bert = life_of(2, 0), cleo = life_of(3, 1);
constexpr bool alive = false, dead = true;
constexpr bool told = true, not_told = false;

// The word after the acquisition with that ticket.
occupancy inside(std::uint64_t ticket, std::uint32_t life, bool was_told = not_told) {
  occupancy word(0);
  for (std::uint64_t i = 1; i < ticket; ++i)
    word = occupancy::acquired(word, 0, false).released();
  return occupancy::acquired(word, life, was_told);
}
occupancy left(std::uint64_t ticket, std::uint32_t life, bool was_told = not_told) {
  return inside(ticket, life, was_told).released();
}

TEST(storm_words, keep_their_fields_apart) {
  const occupancy word = inside(77, cleo, told);
  EXPECT_EQ(word.ticket(), 77u);
  EXPECT_EQ(word.life(), cleo);
  EXPECT_TRUE(word.told() && word.inside() && !word.leaving());
  EXPECT_FALSE(word.released().inside());
  EXPECT_TRUE(word.about_to_leave().leaving() && word.about_to_leave().inside());
  EXPECT_EQ(word.about_to_leave().released().ticket(), 77u);
  const holding last(phase::releasing, 2, 123456789012);
  EXPECT_EQ(last.what(), phase::releasing);
  EXPECT_EQ(last.lock(), 2u);
  EXPECT_EQ(last.ticket(), 123456789012u);
}

TEST(storm_oracle, finds_two_owners_where_the_first_is_inside_and_alive) {
  oracle o(1);
  o.entered(0, inside(4, anna), inside(5, bert), alive);
  EXPECT_EQ(o.found().two_owners, 1u);
  EXPECT_EQ(o.found().false_deaths, 0u);
}

TEST(storm_oracle, finds_a_false_death_too_when_the_second_was_told) {
  oracle o(1);
  o.entered(0, inside(4, anna), inside(5, bert, told), alive);
  EXPECT_EQ(o.found().two_owners, 1u);
  EXPECT_EQ(o.found().false_deaths, 1u);
}

TEST(storm_oracle, finds_two_owners_where_somebody_entered_before_the_owner_had_left) {
  oracle o(1);
  o.displaced(0, inside(5, bert), inside(4, anna));
  EXPECT_EQ(o.found().two_owners, 1u);
}

TEST(storm_oracle, is_content_when_the_heir_of_a_dead_owner_was_told) {
  oracle o(1);
  o.died(holding(phase::owning, 0, 4), 4);
  o.entered(0, inside(4, anna), inside(5, bert, told), dead);
  EXPECT_FALSE(o.found().any());
  EXPECT_EQ(o.unjudged({5}), 0u);
}

TEST(storm_oracle, finds_an_unreported_death_once_whoever_says_it) {
  oracle o(1);
  o.died(holding(phase::owning, 0, 4), 4);
  o.entered(0, inside(4, anna), inside(5, bert), dead);
  o.died(holding(phase::owning, 0, 5), 5);
  o.entered(0, inside(5, bert), inside(6, cleo, told), dead);
  EXPECT_EQ(o.found().unreported_deaths, 1u);
}

TEST(storm_oracle, finds_it_also_when_the_victim_had_noted_no_more_than_its_entry) {
  oracle o(1);
  o.died(holding(phase::locking, 0, 3), 4);
  o.entered(0, inside(4, anna), inside(5, bert), dead);
  EXPECT_EQ(o.found().unreported_deaths, 1u);
}

TEST(storm_oracle, learns_from_the_next_one_what_a_killed_heir_could_not_log) {
  oracle o(1);
  o.died(holding(phase::owning, 0, 4), 4);
  o.died(holding(phase::owning, 0, 5), 5); // the heir, killed before its log
  o.entered(0, inside(5, bert, not_told), inside(6, cleo, told), dead);
  EXPECT_EQ(o.found().unreported_deaths, 1u);

  oracle sound(1);
  sound.died(holding(phase::owning, 0, 4), 4);
  sound.died(holding(phase::owning, 0, 5), 5);
  sound.entered(0, inside(5, bert, told), inside(6, cleo, told), dead);
  EXPECT_FALSE(sound.found().any());
}

TEST(storm_oracle, counts_deaths_that_nobody_can_tell_of) {
  oracle o(2);
  o.died(holding(phase::owning, 1, 4), 4);
  EXPECT_EQ(o.unjudged({0, 4}), 0u) << "nobody has come since";
  EXPECT_EQ(o.unjudged({0, 6}), 1u);
}

TEST(storm_oracle, allows_one_report_and_none_for_a_death_in_unlock) {
  oracle silent(1);
  silent.died(holding(phase::releasing, 0, 4), 4);
  EXPECT_FALSE(silent.found().any());

  oracle o(1);
  o.died(holding(phase::releasing, 0, 4), 4);
  o.entered(0, left(4, anna), inside(5, bert, told), dead);
  EXPECT_FALSE(o.found().any());
  EXPECT_EQ(o.reports_from_windows(), 1u);
  o.entered(0, left(5, bert, told), inside(6, cleo, told), dead);
  EXPECT_EQ(o.found().false_deaths, 1u) << "a second report of one death";
}

TEST(storm_oracle, allows_a_report_for_a_death_in_lock_only_while_it_can_be_the_reason) {
  for (const std::uint64_t ticket : {4, 5, 6, 7, 8}) {
    oracle o(1);
    o.died(holding(phase::locking, 0, 4), 6); // may have owned after 4, and before whoever has 7
    o.entered(0, left(ticket - 1, anna), inside(ticket, bert, told), alive);
    EXPECT_EQ(o.found().false_deaths, ticket > 4 && ticket < 8 ? 0u : 1u) << "ticket " << ticket;
  }
}

TEST(storm_oracle, finds_a_report_that_no_death_explains) {
  oracle o(2);
  o.died(holding(phase::locking, 1, 0), 9);
  o.entered(0, left(4, anna), inside(5, bert, told), alive);
  EXPECT_EQ(o.found().false_deaths, 1u) << "that death was at another lock";
}

TEST(storm_oracle, accuses_nobody_because_of_the_order_in_which_it_hears) {
  oracle o(1);
  o.died(holding(phase::locking, 0, 4), 11);
  o.died(holding(phase::locking, 0, 8), 19);
  // The first death explains either report, the second only the one with ticket 10.
  o.entered(0, left(9, anna), inside(10, bert, told), alive);
  o.entered(0, left(5, anna), inside(6, cleo, told), alive);
  EXPECT_FALSE(o.found().any());
  o.entered(0, left(6, anna), inside(7, cleo, told), alive);
  EXPECT_EQ(o.found().false_deaths, 1u) << "two deaths explain two reports";
}

TEST(storm_oracle, takes_the_end_of_a_thread_that_holds_the_lock_for_a_death) {
  oracle o(1);
  o.entered(0, inside(4, anna).about_to_leave(), inside(5, bert, told), dead);
  EXPECT_FALSE(o.found().any());
  o.entered(0, inside(5, bert).about_to_leave(), inside(6, cleo), dead);
  EXPECT_EQ(o.found().unreported_deaths, 1u);
}

TEST(storm_oracle, tells_of_results_that_no_operation_may_have) {
  oracle o(1);
  o.unexpected(anna, subject_step::unlock, 0, 1);
  EXPECT_EQ(o.found().unexpected_results, 1u);
  ASSERT_EQ(o.found().stories.size(), 1u);
  EXPECT_NE(o.found().stories[0].find("unlock of process 1 thread 0 returned 1"),
            std::string::npos);
}

} // namespace
} // namespace heirlock::lab::storm
