// SPDX-License-Identifier: Apache-2.0
// Where the walk of a list ends that may be long, while somebody who shares the memory does what he can against it. He is
// given more than he has: he acts between any two steps, and knows how many the walk has done.
#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <stdexcept>

#include "tests/lab/kernel/fake_memory.hpp"

namespace heirlock::lab::kernel {
namespace {

constexpr std::uint32_t me = dying_thread::tid;
constexpr std::uint32_t somebody = 815;
constexpr std::uint64_t for_ever = 3 * long_list_entries;

struct does_not_end : std::runtime_error {
  does_not_end() : std::runtime_error("the walk does not end") {}
};

// The links and words of all entries are the sharer's, who makes them up as they are read.
class sharers_memory final : public task_memory {
 public:
  // The number of the entry that follows, and the word of the present one; of the link that was read as the n-th.
  std::function<std::optional<std::uint64_t>(std::uint64_t n)> next = [](auto n) { return n; };
  std::function<std::uint32_t(std::uint64_t n)> word = [](auto) { return somebody; };
  std::uint64_t links_read = 0;

  static remote_address node(std::uint64_t number) {
    return {dying_thread::first_lock + number * 64};
  }

  std::optional<std::uint64_t> read64(remote_address from) override {
    switch (from.value - dying_thread::head) {
    case offsetof(robust_list_head, list):
      return node(0).value;
    case offsetof(robust_list_head, futex_offset):
      return dying_thread::futex_offset;
    case offsetof(robust_list_head, list_op_pending):
      return 0;
    default:
      break;
    }
    if (++links_read > for_ever) throw does_not_end();
    const auto number = next(links_read);
    if (!number) return std::nullopt;
    return node(*number).value;
  }
  std::optional<std::uint32_t> read32(remote_address) override { return word(links_read); }
  exchange_outcome compare_exchange32(remote_address, std::uint32_t, std::uint32_t) override {
    return exchange_outcome::stored;
  }
  bool write64(remote_address, std::uint64_t) override { return true; }
  void wake_one(remote_address) override {}
};

// How many entries the walk looks at.
std::uint64_t steps_in(sharers_memory& memory, const entry_limit& limit = long_list_limit,
                       std::optional<other_end> from_the_end = std::nullopt) {
  task dying = {memory, me, {}, remote_address{dying_thread::head}, {}, 0};
  walk_rules rules;
  rules.limit = limit;
  rules.from_the_end = from_the_end;
  walk_robust_list(dying, rules);
  return memory.links_read;
}

TEST(LongList, AThousandWordsOfOthersInACircleEndItAfter2048Entries) {
  sharers_memory memory;
  memory.next = [](std::uint64_t n) { return n % 1000; };
  EXPECT_EQ(steps_in(memory), list_limit);
}

// Against a way to find circles by looking at the links, which remembers an entry after 1, 2, 4, ... steps.
TEST(LongList, EverNewCirclesEndItAfterTheSameNumber) {
  sharers_memory memory;
  std::uint64_t circle = 0;
  std::uint64_t next_turn = 2;
  memory.next = [&](std::uint64_t n) {
    if (n >= next_turn + 3) {
      next_turn *= 2;
      ++circle;
    }
    return circle * 16'384 + n % 1000;
  };
  EXPECT_EQ(steps_in(memory), list_limit);
  EXPECT_GT(circle, 5u);
}

TEST(LongList, WordsThatNameTheDeadAgainBehindTheWalkEndItAfterTheWholeLimit) {
  sharers_memory memory;
  memory.next = [](std::uint64_t n) { return n % 2; };
  memory.word = [](std::uint64_t) { return me; };
  EXPECT_EQ(steps_in(memory), long_list_entries);
}

TEST(LongList, AsManyWordsOfOthersBetweenThemAsHideNothingMakeItNoLonger) {
  sharers_memory memory;
  memory.word = [](std::uint64_t n) { return n % list_limit == 0 ? me : somebody; };
  EXPECT_EQ(steps_in(memory), long_list_entries);
}

TEST(LongList, BothEndsTogetherHaveThatLimit) {
  sharers_memory memory;
  constexpr std::uint64_t cut = long_list_entries - 1000;
  memory.next = [](std::uint64_t n) { return n == cut ? std::nullopt : std::optional(n); };
  memory.word = [](std::uint64_t) { return me; };
  // The entry at which a fault ends the first walk has a link that was read, and is not counted.
  EXPECT_EQ(steps_in(memory, long_list_limit, other_end{sharers_memory::node(1 << 22).value, 8}),
            long_list_entries + 1);
}

// The two planted faults: each half of the limit is needed.
TEST(LongList, WithoutTheLimitForOthersInARowAMereCircleCostsAllThatThereIs) {
  sharers_memory memory;
  memory.next = [](std::uint64_t n) { return n % 1000; };
  EXPECT_EQ(steps_in(memory, {for_ever, long_list_entries}), long_list_entries);
}

TEST(LongList, WithoutTheLimitInAllASharerWhoWritesTheTidCanKeepItForEver) {
  sharers_memory memory;
  memory.next = [](std::uint64_t n) { return n % 2; };
  memory.word = [](std::uint64_t) { return me; };
  EXPECT_THROW(steps_in(memory, {list_limit, 2 * for_ever}), does_not_end);
}

// What the sharer does get: what lies behind his words is hidden, as behind a link that he breaks. The pending
// operation is not.
TEST(LongList, WordsOfOthersHideWhatIsBehindThemFrom2048InARowOn) {
  for (const unsigned others : {list_limit - 1, list_limit}) {
    dying_thread t;
    std::vector<unsigned> locks(others + 2);
    std::iota(locks.begin(), locks.end(), 0);
    for (const unsigned n : locks)
      t.lock(n, n == 0 || n > others ? me : somebody);
    t.list(locks);
    const unsigned pending = others + 10;
    t.lock(pending, me);
    t.pending(pending);
    walk_robust_list(t.task, {.limit = long_list_limit});
    EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED);
    EXPECT_EQ(t.memory.words[dying_thread::word(1)], somebody);
    EXPECT_EQ(t.memory.words[dying_thread::word(others + 1)],
              others < list_limit ? std::uint32_t{FUTEX_OWNER_DIED} : me);
    EXPECT_EQ(t.memory.words[dying_thread::word(pending)], FUTEX_OWNER_DIED);
  }
}

TEST(LongList, OfTheDeadThreadsOwnLocksNoneIsTooFar) {
  dying_thread t;
  std::vector<unsigned> locks(std::size_t{10} * list_limit);
  std::iota(locks.begin(), locks.end(), 0);
  for (const unsigned n : locks)
    t.lock(n, me);
  t.list(locks);
  walk_robust_list(t.task, {.limit = long_list_limit});
  for (const unsigned n : locks)
    ASSERT_EQ(t.memory.words[dying_thread::word(n)], FUTEX_OWNER_DIED) << n;
}

} // namespace
} // namespace heirlock::lab::kernel
