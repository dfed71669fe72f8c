// SPDX-License-Identifier: Apache-2.0
// Raw values as the kernel composes them (wait(2), ptrace(2)), written out here once more.
#include <csignal>
#include <sys/ptrace.h>

#include <gtest/gtest.h>

#include "lab/process/wait_status.hpp"

namespace heirlock::lab::process_test {
namespace {

constexpr int exited_with(int code) {
  return code << 8;
}
constexpr int core_dumped = 0x80;
constexpr int stopped_with(int signal_number, int event = 0) {
  return (event << 16) | (signal_number << 8) | 0x7f;
}
constexpr int continued = 0xffff;

TEST(wait_status, knows_an_exit_and_its_code) {
  const auto status = wait_status::from_raw(exited_with(3));
  ASSERT_TRUE(status.is<exited>());
  EXPECT_EQ(status.as<exited>()->code, 3);
  EXPECT_TRUE(status.is_gone());
  EXPECT_FALSE(status.is_stopped());
  EXPECT_EQ(status.describe(), "exited with status 3");
}

TEST(wait_status, knows_a_death_by_signal_with_and_without_a_core_file) {
  for (const int raw : {SIGABRT, SIGABRT | core_dumped}) {
    const auto status = wait_status::from_raw(raw);
    ASSERT_TRUE(status.is<killed>()) << raw;
    EXPECT_EQ(status.as<killed>()->signal_number, SIGABRT);
    EXPECT_TRUE(status.is_gone());
    EXPECT_FALSE(status.is_signal(SIGABRT)) << "it is no stop";
    EXPECT_EQ(status.describe(), "killed by SIGABRT");
  }
}

TEST(wait_status, knows_a_signal_that_is_about_to_be_delivered) {
  const auto status = wait_status::from_raw(stopped_with(SIGUSR2));
  ASSERT_TRUE(status.is<signal_stop>());
  EXPECT_TRUE(status.is_signal(SIGUSR2));
  EXPECT_FALSE(status.is_signal(SIGUSR1));
  EXPECT_TRUE(status.is_stopped());
  EXPECT_FALSE(status.is_gone());
  EXPECT_EQ(status.describe(), "stopped by SIGUSR2");
}

TEST(wait_status, tells_a_trap_from_a_ptrace_event_that_is_reported_as_one) {
  const auto trap = wait_status::from_raw(stopped_with(SIGTRAP));
  EXPECT_TRUE(trap.is_signal(SIGTRAP));
  EXPECT_FALSE(trap.is_event(PTRACE_EVENT_EXIT));
  for (const int event :
       {PTRACE_EVENT_FORK, PTRACE_EVENT_CLONE, PTRACE_EVENT_EXEC, PTRACE_EVENT_EXIT}) {
    const auto status = wait_status::from_raw(stopped_with(SIGTRAP, event));
    EXPECT_TRUE(status.is<ptrace_event>()) << event;
    EXPECT_TRUE(status.is_event(event)) << event;
    EXPECT_FALSE(status.is_event(event + 1)) << event;
    EXPECT_FALSE(status.is_signal(SIGTRAP)) << event;
    EXPECT_TRUE(status.is_stopped()) << event;
  }
}

TEST(wait_status, tells_an_event_stop_from_the_signal_it_bears) {
  const auto status = wait_status::from_raw(stopped_with(SIGSTOP, PTRACE_EVENT_STOP));
  ASSERT_TRUE(status.is<event_stop>());
  EXPECT_EQ(status.as<event_stop>()->signal_number, SIGSTOP);
  EXPECT_FALSE(status.is_signal(SIGSTOP));
  EXPECT_FALSE(status.is_event(PTRACE_EVENT_STOP));
}

TEST(wait_status, takes_a_continuation_and_the_initial_value_for_running) {
  for (const auto& status : {wait_status(), wait_status::from_raw(continued)}) {
    EXPECT_TRUE(status.is<running>());
    EXPECT_FALSE(status.is_gone());
    EXPECT_FALSE(status.is_stopped());
    EXPECT_EQ(status.describe(), "running");
  }
}

TEST(wait_status, names_a_signal_without_a_name_by_its_number) {
  const int real_time = SIGRTMIN + 3;
  EXPECT_EQ(wait_status::from_raw(stopped_with(real_time)).describe(),
            "stopped by signal " + std::to_string(real_time));
}

} // namespace
} // namespace heirlock::lab::process_test
