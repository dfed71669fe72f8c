// SPDX-License-Identifier: Apache-2.0
// The list that says where it ends: at rest, the way back is the way there, reversed.
#include "lab/protocols/rseq_rl_cs/two_way_list.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <thread>
#include <vector>

namespace heirlock::lab::robust {
namespace {

using entries = std::vector<const volatile void*>;

entries from_the_head(const two_way_list& list) {
  entries found;
  for (const list_node* at = list.head.first; static_cast<const void*>(at) != &list.head;
       at = at->next)
    found.push_back(at);
  return found;
}

// As a kernel goes: by the two fields of the area alone.
entries from_the_end(const two_way_list& list) {
  const rseq_area& area = this_thread_area();
  entries found;
  std::uint64_t at = area.rl_last;
  while (at != 0 && at != reinterpret_cast<std::uintptr_t>(&list.head)) {
    found.push_back(reinterpret_cast<const void*>(at));
    at = *reinterpret_cast<const std::uint64_t*>(at +
                                                 static_cast<std::uint64_t>(area.rl_back_offset));
  }
  return found;
}

void link_and_unlink_at_random(unsigned seed) {
  ASSERT_EQ(two_way_list::enter_thread(0), 0);
  two_way_list& list = two_way_list::current();
  ASSERT_EQ(this_thread_area().rl_last, 0u);
  struct lock {
    list_node node;
    bool listed;
  };
  std::array<lock, 5> locks = {};
  std::mt19937 random(seed);
  for (int step = 0; step < 2000; ++step) {
    lock& one = locks.at(random() % locks.size());
    one.listed ? list.unlink(one.node) : list.link(one.node);
    one.listed = !one.listed;
    entries expected = from_the_head(list);
    ASSERT_EQ(expected.size(),
              static_cast<std::size_t>(std::ranges::count(locks, true, &lock::listed)));
    std::ranges::reverse(expected);
    ASSERT_EQ(from_the_end(list), expected) << "seed " << seed << ", step " << step;
  }
  // The thread ends with an empty list: the kernel must not look at what is gone by then.
  for (lock& one : locks)
    if (one.listed) list.unlink(one.node);
  EXPECT_EQ(this_thread_area().rl_last, 0u);
}

TEST(TwoWayList, LeadsBackThroughEveryEntry) {
  // In a thread of its own: it replaces the robust list and the rseq area of the C library there.
  std::thread(link_and_unlink_at_random, 1).join();
}

} // namespace
} // namespace heirlock::lab::robust
