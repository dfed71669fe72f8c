// SPDX-License-Identifier: Apache-2.0
#include "lab/protocols/guarded/thread_table.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace heirlock::lab {
namespace {

// A join returns a moment before the number is free.
bool is_gone(pid_t thread) {
  const auto bound = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (::syscall(SYS_tgkill, ::getpid(), thread, 0) == 0) {
    if (std::chrono::steady_clock::now() > bound) return false;
    ::sched_yield();
  }
  return true;
}

TEST(ThreadTable, IsNoLongerThanThereWereThreadsAtATime) {
  static thread_table<int> table;
  ASSERT_NE(table.enter(nullptr), nullptr);
  for (int i = 0; i < 200; ++i) {
    pid_t id = 0;
    std::thread([&] {
      id = static_cast<pid_t>(::syscall(SYS_gettid));
      table.enter(nullptr)->record = 1;
    }).join();
    ASSERT_TRUE(is_gone(id));
  }
  unsigned records = 0;
  table.wait_while([&](int) {
    ++records;
    return false;
  });
  EXPECT_EQ(records, 2u) << "this thread's, and one for all the others";
}

} // namespace
} // namespace heirlock::lab
