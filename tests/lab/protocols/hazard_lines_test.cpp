// SPDX-License-Identifier: Apache-2.0
// The table of hazard pointers by processor, where the audit does not come: full lines, and all lines full.
#include "lab/protocols/hazard_pointer/hazard_lines.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

namespace heirlock::lab {
namespace {

constexpr unsigned lines = 2;
const int node_of_others = 0;
const int node = 0;

// A scan in a thread of its own, which has to end within a bound once nothing is in its way.
class scan {
 public:
  explicit scan(hazard_lines<lines>& table)
      : thread_([this, &table] {
          table.wait(&node);
          done_ = true;
        }) {}
  ~scan() { thread_.join(); }
  scan(const scan&) = delete;
  scan& operator=(const scan&) = delete;

  bool is_done() const { return done_; }
  bool ends() const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done_ && std::chrono::steady_clock::now() < deadline)
      std::this_thread::yield();
    return done_;
  }

 private:
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

struct HazardLines : testing::Test {
  HazardLines() { table.begin(lines); }
  hazard_lines<lines> table = {};
};

TEST_F(HazardLines, AThreadThatFindsItsLineFullTakesASlotOfTheNextAndIsWaitedFor) {
  std::vector<std::atomic<const void*>*> others;
  for (unsigned i = 0; i < slots_per_line; ++i)
    others.push_back(table.enter(&node_of_others, 1));
  auto* const mine = table.enter(&node, 1);
  ASSERT_NE(mine, nullptr);
  {
    scan s(table);
    EXPECT_FALSE(s.is_done());
    table.leave(mine);
    EXPECT_TRUE(s.ends());
  }
  for (auto* slot : others)
    table.leave(slot);
}

TEST_F(HazardLines, AThreadThatFindsNoSlotIsCountedAndWaitedForWhateverItsMutex) {
  std::vector<std::atomic<const void*>*> others;
  for (unsigned i = 0; i < lines * slots_per_line; ++i)
    others.push_back(table.enter(&node_of_others, 0));
  for (auto* slot : others)
    ASSERT_NE(slot, nullptr);
  auto* const mine = table.enter(&node_of_others, 0);
  ASSERT_EQ(mine, nullptr);
  {
    scan s(table);
    EXPECT_FALSE(s.is_done());
    table.leave(mine);
    EXPECT_TRUE(s.ends());
  }
  // The slots of other mutexes are in nobody's way.
  { EXPECT_TRUE(scan(table).ends()); }
  for (auto* slot : others)
    table.leave(slot);
}

TEST_F(HazardLines, AFreedSlotIsTakenAgain) {
  auto* const first = table.enter(&node, 1);
  table.leave(first);
  EXPECT_EQ(table.enter(&node, 1), first);
  table.leave(first);
}

} // namespace
} // namespace heirlock::lab
