// SPDX-License-Identifier: Apache-2.0
// What a caller leaves to the command: descriptors, signals, refused calls. And what it is told to type next.
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/cli/command.hpp"
#include "tests/seccomp.hpp"

namespace heirlock::cli::test {
namespace {

const std::vector<std::string> short_audit = {"audit",  "--subject",  "pthread-robust",     "--op",
                                              "unlock", "--scenario", "reuse-other-process"};

void expect_refused(const outcome& result, const std::string& said) {
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_TRUE(result.out.empty()) << result;
  EXPECT_TRUE(result.err_has(said)) << result;
}

outcome with_a_full_disk(const std::vector<std::string>& arguments) {
  return command(arguments)
      .with([] { ::dup2(::open("/dev/full", O_WRONLY | O_CLOEXEC), STDOUT_FILENO); })
      .start()
      .finish();
}

// It ended by SIGABRT: the message about standard output could not be written either.
TEST(closed_descriptors, are_trouble_and_no_crash) {
  const outcome result = command(short_audit)
                             .with([] {
                               for (const int each : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
                                 ::close(each);
                             })
                             .start()
                             .finish();
  EXPECT_EQ(result.status, 2) << result;
}

TEST(closed_descriptors, are_not_taken_by_files_of_the_audit) {
  const outcome result = command(short_audit)
                             .with([] {
                               ::close(STDIN_FILENO);
                               ::close(STDERR_FILENO);
                             })
                             .start()
                             .finish();
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_TRUE(result.out_has("3 corrupted") || !result.out_has("glibc 2.36 ")) << result;
}

TEST(help_and_version, that_did_not_arrive_are_trouble) {
  for (const char* what : {"--help", "--version"})
    expect_refused(with_a_full_disk({what}), "cannot write to standard output");
}

// The caller's SIG_IGN made waitpid(2) forget how the killed victims had ended.
TEST(an_ignored_sigchld, does_not_hide_how_children_end) {
  const outcome result = command({"reproduce", "--natural", "0.2"})
                             .with([] { ::signal(SIGCHLD, SIG_IGN); })
                             .start()
                             .finish();
  EXPECT_TRUE(result.status == 0 || result.status == 1) << result; // by chance
  EXPECT_TRUE(result.out_has("natural: ")) << result;
}

TEST(a_number, out_of_range_is_refused_in_words) {
  for (const char* text : {"nan", "inf", "1e300", "-1", "0", "", "soon"})
    expect_refused(run({"reproduce", "--natural", text}), "number of seconds above 0");
  for (const char* text : {"-1", "1e3", "", "99999999999"}) {
    expect_refused(run({"reproduce", "--natural", "1", "--seed", text}), "whole number from 0");
    auto arguments = short_audit;
    arguments.insert(arguments.end(), {"--kill-point", text});
    expect_refused(run(arguments), "whole number from 0");
  }
  expect_refused(run({"audit", "--at", "main", "--call", "0", "--", "/bin/true"}),
                 "whole number from 1");
}

TEST(a_scenario, is_not_ignored_by_the_series_without_ptrace) {
  expect_refused(run({"reproduce", "--natural", "1", "--scenario", "remap-file"}),
                 "leave out --scenario");
}

TEST(a_pipe, is_no_subject_and_is_not_waited_for) {
  const scratch_directory place;
  const std::string path = place.path() + "/lock.so";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  expect_refused(run({"audit", "--subject", path}), "not a regular file");
}

// With other addresses in each run nothing was judged, and the status said that nothing was wrong.
TEST(refused_personality, is_said_where_addresses_must_be_the_same) {
  NEEDS_SECCOMP();
  const outcome result = command({"audit", "--at", "main", "--", "/bin/true"})
                             .with([] { refuse_system_call(SYS_personality, EPERM); })
                             .start()
                             .finish();
  expect_refused(result, "personality(2)");
}

TEST(refused_personality, does_not_matter_to_the_audit_of_a_lock) {
  NEEDS_SECCOMP();
  const outcome result = command(short_audit)
                             .with([] { refuse_system_call(SYS_personality, EPERM); })
                             .start()
                             .finish();
  EXPECT_EQ(result.status, 1) << result;
}

// The victim dies at the lowest priority; a survivor that has the same saw nothing, and the verdict was ok.
TEST(the_lowest_priority, does_not_hide_what_a_survivor_sees_inside_the_walk) {
  const outcome result = command({"audit", "--subject", "pthread-robust", "--op", "lock",
                                  "--scenario", "killed-while-locking"})
                             .with([] {
                               const sched_param usual = {};
                               ::sched_setscheduler(0, SCHED_IDLE, &usual);
                             })
                             .start()
                             .finish();
  if (result.status == 2) {
    EXPECT_TRUE(result.err_has("chrt --idle")) << result; // without privilege
  } else {
    EXPECT_EQ(result.status, 1) << result;
    EXPECT_TRUE(result.out_has("corrupted")) << result;
  }
}

TEST(the_command_that_replays, is_quoted_for_a_shell) {
  const scratch_directory place;
  const std::string path = place.path() + "/a lock.so";
  std::filesystem::copy_file(BROKEN_LOCK, path);
  const outcome result =
      run({"audit", "--subject", path, "--op", "unlock", "--scenario", "reuse-other-process"});
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_TRUE(result.out_has("replay one: " HEIRLOCK_PROGRAM " audit --subject '" + path + "' "))
      << result;
}

} // namespace
} // namespace heirlock::cli::test
