// SPDX-License-Identifier: Apache-2.0
#include "lab/race/object.hpp"

#include <thread>
#include <unistd.h>

#include <gtest/gtest.h>

#include "lab/race/segment.hpp"

namespace heirlock::lab::race {
namespace {

constexpr pid_t tid = 0x1fe8d;

contents filled(bool with_waiters) {
  contents result;
  result.fill(fill_of(tid, with_waiters));
  return result;
}

TEST(judge, finds_the_kernels_store_with_and_without_waiters) {
  for (const bool with_waiters : {false, true}) {
    const contents before = filled(with_waiters);
    for (std::size_t i = 0; i < words_per_object; ++i) {
      contents after = before;
      after[i] = (before[i] & 0xffffffff00000000) | (with_waiters ? 0xc0000000 : 0x40000000);
      const evidence result = judge(before, after, tid);
      EXPECT_EQ(result.found, finding::corrupted) << i;
      EXPECT_EQ(result.seen.before, before[i]);
      EXPECT_EQ(result.seen.after, after[i]);
    }
  }
}

TEST(judge, makes_no_claim_where_nothing_changed) {
  EXPECT_EQ(judge(filled(true), filled(true), tid).found, finding::unchanged);
}

TEST(judge, makes_no_claim_about_what_a_program_could_have_stored) {
  const contents before = filled(false);
  const auto with_low_half = [&](std::uint32_t half) {
    contents after = before;
    after[0] = (before[0] & 0xffffffff00000000) | half;
    return judge(before, after, tid).found;
  };
  EXPECT_EQ(with_low_half(0), finding::unexplained);          // an unlock
  EXPECT_EQ(with_low_half(4711), finding::unexplained);       // another owner
  EXPECT_EQ(with_low_half(0xc0000000), finding::unexplained); // FUTEX_WAITERS from nowhere
  EXPECT_EQ(with_low_half(0x40000000 | tid), finding::unexplained);
  EXPECT_EQ(with_low_half(0x40000000), finding::corrupted);
}

TEST(judge, makes_no_claim_when_the_word_did_not_hold_the_victims_tid) {
  contents after = filled(false);
  after[0] = (after[0] & 0xffffffff00000000) | 0x40000000;
  EXPECT_EQ(judge(filled(false), after, tid + 1).found, finding::unexplained);
}

TEST(judge, makes_no_claim_when_more_than_one_word_changed) {
  contents after = filled(false);
  after[0] = (after[0] & 0xffffffff00000000) | 0x40000000;
  after[3] = after[0];
  EXPECT_EQ(judge(filled(false), after, tid).found, finding::unexplained);
  after = filled(false);
  after[1] = 0x4000000040000000;
  EXPECT_EQ(judge(filled(false), after, tid).found, finding::unexplained);
}

TEST(handover_of_an_object, waits_for_the_mark_and_for_the_lock_and_then_fills_every_word) {
  for (const lock_kind kind : {lock_kind::robust, lock_kind::normal}) {
    shared<object> one;
    one->create(kind);
    EXPECT_EQ(one->take_over(7, 1, false), object::handover::pending);
    ASSERT_TRUE(one->use(6, 0));
    EXPECT_EQ(one->take_over(7, 1, true), object::handover::pending);
    ASSERT_TRUE(one->use(7, 3));
    EXPECT_EQ(one->take_over(7, fill_of(tid, true), true), object::handover::done);
    EXPECT_EQ(one->read(), filled(true));
  }
}

} // namespace
} // namespace heirlock::lab::race
