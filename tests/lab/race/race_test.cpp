// SPDX-License-Identifier: Apache-2.0
#include "lab/race/race.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <limits>
#include <sched.h>
#include <stdexcept>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/lab/race/unprivileged.hpp"
#include "tests/seccomp.hpp"

namespace heirlock::lab::race {
namespace {

using test::foster_home;
using test::in_child;

// A sanitizer that puts its own stores and locks into the victim's threads changes what is tested.
#ifdef HEIRLOCK_THREAD_SANITIZER
#define NEEDS_PLAIN_THREADS() GTEST_SKIP() << "ThreadSanitizer replaces the locks under test"
#else
#define NEEDS_PLAIN_THREADS()
#endif
#define NEEDS(way)                                                                                 \
  if (const availability here = probe(way); !here.works) GTEST_SKIP() << here.reason

constexpr std::uint64_t bound_of_attempts = 20;
constexpr double ample = 60; // seconds; a limit for broken machines, not what is waited for

limits at_most(std::uint64_t attempts, double seconds = ample) {
  limits result;
  result.max_attempts = attempts;
  result.seconds = seconds;
  return result;
}

bool until_hit(const tally& so_far) {
  return so_far.hits == 0;
}

void expect_hit(const tally& result) {
  EXPECT_EQ(result.hits, 1U) << summary(result) << "\n" << result.what;
  EXPECT_EQ(result.unexplained, 0U);
  ASSERT_TRUE(result.first);
  const corruption seen = *result.first;
  EXPECT_EQ(seen.before >> 32, seen.after >> 32);
  EXPECT_EQ(seen.before >> 32, seen.before & 0xffffffff);
  EXPECT_EQ(seen.after & 0xffffffff, (seen.before & 0x80000000) | 0x40000000);
}

void expect_control_without_hit(const tally& result) {
  EXPECT_GT(result.attempts, 0U);
  EXPECT_GT(result.reused, 0U) << "the control shows nothing when no memory was reused";
  EXPECT_EQ(result.hits, 0U);
  EXPECT_EQ(result.unexplained, 0U);
  EXPECT_FALSE(result.first);
}

TEST(the_natural_race, is_seen_or_bounded) {
  NEEDS_PLAIN_THREADS();
  const foster_home home;
  const limits bounds = at_most(3000, 10);
  const tally result = natural(bounds, until_hit);
  EXPECT_GT(result.attempts, 0U);
  EXPECT_GT(result.reused, 0U);
  if (result.hits == 0) {
    // Chance had all the kills, or all the time, that it was given, and nothing else wrote there.
    EXPECT_TRUE(result.attempts == bounds.max_attempts || result.seconds >= bounds.seconds)
        << summary(result);
    EXPECT_EQ(result.unexplained, 0U);
    EXPECT_FALSE(result.first);
    std::printf("%s\n", summary(result).c_str());
  } else {
    expect_hit(result);
  }
  EXPECT_TRUE(foster_home::empty());
}

TEST(the_natural_race, is_never_seen_with_a_lock_that_is_not_robust) {
  NEEDS_PLAIN_THREADS();
  expect_control_without_hit(natural(at_most(200, 10), {}, lock_kind::normal));
}

TEST(the_widened_race, hits_by_userfaultfd_within_a_bound_of_kills) {
  NEEDS_PLAIN_THREADS();
  NEEDS(widening::userfaultfd);
  const foster_home home;
  expect_hit(widen(at_most(bound_of_attempts), until_hit, widening::userfaultfd));
  EXPECT_TRUE(foster_home::empty());
}

TEST(the_widened_race, hits_by_mprotect_within_a_bound_of_kills) {
  NEEDS_PLAIN_THREADS();
  const foster_home home;
  const tally result = widen(at_most(bound_of_attempts), until_hit, widening::protect);
  expect_hit(result);
  EXPECT_GE(result.stalls, result.hits);
  EXPECT_TRUE(foster_home::empty());
}

TEST(the_widened_race, is_never_seen_with_a_lock_that_is_not_robust) {
  NEEDS_PLAIN_THREADS();
  const tally by_protect = widen(at_most(4), {}, widening::protect, lock_kind::normal);
  expect_control_without_hit(by_protect);
  EXPECT_EQ(by_protect.reused, by_protect.attempts);
  EXPECT_EQ(by_protect.stalls, 0U) << "its list is never stored to";
  NEEDS(widening::userfaultfd);
  expect_control_without_hit(widen(at_most(4), {}, widening::userfaultfd, lock_kind::normal));
}

TEST(the_widened_race, falls_back_and_says_why_where_userfaultfd_is_refused) {
  NEEDS_SECCOMP();
  NEEDS_PLAIN_THREADS();
  const auto result = in_child([] {
    test::refuse({SYS_userfaultfd});
    const tally here = widen(at_most(bound_of_attempts), until_hit);
    std::printf("%s\n", here.what.c_str());
    return here.hits == 1 ? 0 : 1;
  });
  EXPECT_EQ(result.status, 0) << result.output;
  EXPECT_NE(result.output.find("userfaultfd(2): Operation not permitted (errno 1)"),
            std::string::npos)
      << result.output;
  EXPECT_NE(result.output.find("mprotects"), std::string::npos) << result.output;
}

TEST(the_widened_race, gives_every_reason_where_nothing_is_to_be_had) {
  NEEDS_SECCOMP();
  const auto result = in_child([] {
    test::refuse({SYS_userfaultfd, SYS_mprotect});
    static_cast<void>(widen(at_most(1)));
    return 0;
  });
  EXPECT_EQ(result.status, 99) << result.output;
  EXPECT_NE(result.output.find("cannot widen the race here"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("userfaultfd(2)"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("mprotect(2)"), std::string::npos) << result.output;
}

TEST(the_widened_race, does_not_fall_back_when_a_way_was_asked_for) {
  NEEDS_SECCOMP();
  const auto result = in_child([] {
    test::refuse({SYS_userfaultfd});
    static_cast<void>(widen(at_most(1), {}, widening::userfaultfd));
    return 0;
  });
  EXPECT_EQ(result.status, 99) << result.output;
  EXPECT_NE(result.output.find("seccomp"), std::string::npos) << result.output;
}

TEST(the_race, needs_no_privilege) {
  NEEDS_PLAIN_THREADS();
  const auto result = in_child([] {
    test::drop_privileges();
    const tally by_chance = natural(at_most(20));
    const tally widened = widen(at_most(bound_of_attempts), until_hit);
    std::printf("%s\n%s\n", summary(by_chance).c_str(), summary(widened).c_str());
    return ::geteuid() != 0 && by_chance.attempts == 20 && widened.hits == 1 ? 0 : 1;
  });
  EXPECT_EQ(result.status, 0) << result.output;
}

TEST(a_series, ends_where_its_caller_stops_it_and_leaves_no_process) {
  NEEDS_PLAIN_THREADS();
  const foster_home home;
  const progress three = [](const tally& so_far) { return so_far.attempts < 3; };
  EXPECT_EQ(natural(at_most(1000), three).attempts, 3U);
  EXPECT_TRUE(foster_home::empty());
  EXPECT_EQ(widen(at_most(1000), three).attempts, 3U);
  EXPECT_TRUE(foster_home::empty());
}

TEST(a_series, leaves_no_process_when_its_caller_throws) {
  NEEDS_PLAIN_THREADS();
  const foster_home home;
  const progress thrower = [](const tally&) -> bool { throw std::runtime_error("enough"); };
  EXPECT_THROW(static_cast<void>(natural(at_most(1000), thrower)), std::runtime_error);
  EXPECT_TRUE(foster_home::empty());
  EXPECT_THROW(static_cast<void>(widen(at_most(1000), thrower)), std::runtime_error);
  EXPECT_TRUE(foster_home::empty());
}

// The caller is killed in the middle of a series: its children become ours, and must be dead or die.
void expect_no_orphan_of(const std::function<tally(const progress&)>& run) {
  const foster_home home;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t caller = ::fork();
  ASSERT_GE(caller, 0);
  if (caller == 0) {
    ::close(ends[0]);
    static_cast<void>(run([&](const tally&) { return ::write(ends[1], "x", 1) == 1; }));
    ::_exit(0);
  }
  ::close(ends[1]);
  char one = 0;
  EXPECT_EQ(::read(ends[0], &one, 1), 1) << "the series ended before its first attempt";
  ::kill(caller, SIGKILL);
  // The children hold the other end of the pipe as well.
  const bool gone = foster_home::empties_within(std::chrono::seconds(20));
  EXPECT_TRUE(gone) << "a child outlived its caller";
  ::close(ends[0]);
}

TEST(a_series, leaves_no_process_when_its_caller_is_killed) {
  NEEDS_PLAIN_THREADS();
  expect_no_orphan_of([](const progress& report) { return natural(at_most(100000), report); });
  expect_no_orphan_of([](const progress& report) { return widen(at_most(100000), report); });
}

TEST(a_series, gives_back_the_callers_cpus_and_signals) {
  NEEDS_PLAIN_THREADS();
  cpu_set_t cpus_before;
  cpu_set_t cpus_after;
  sigset_t signals_before;
  sigset_t signals_after;
  ASSERT_EQ(::sched_getaffinity(0, sizeof cpus_before, &cpus_before), 0);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &signals_before);
  static_cast<void>(natural(at_most(2)));
  static_cast<void>(widen(at_most(2)));
  ASSERT_EQ(::sched_getaffinity(0, sizeof cpus_after, &cpus_after), 0);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &signals_after);
  EXPECT_TRUE(CPU_EQUAL(&cpus_before, &cpus_after));
  for (int number = 1; number < SIGRTMIN; ++number)
    EXPECT_EQ(::sigismember(&signals_before, number), ::sigismember(&signals_after, number))
        << number;
}

TEST(a_series, refuses_limits_that_make_no_sense) {
  EXPECT_THROW(static_cast<void>(natural(at_most(1, 0))), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(natural(at_most(1, std::numeric_limits<double>::quiet_NaN()))),
               std::invalid_argument);
  EXPECT_THROW(static_cast<void>(widen(at_most(0))), std::invalid_argument);
}

} // namespace
} // namespace heirlock::lab::race
