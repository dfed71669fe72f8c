// SPDX-License-Identifier: Apache-2.0
// Wrong usage: status 2, a message that names the thing and says what to do, nothing on standard output.
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/cli/command.hpp"
#include "tests/seccomp.hpp"

namespace heirlock::cli::test {
namespace {

void expect_refused(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& words) {
  const outcome result = run(arguments);
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_TRUE(result.out.empty()) << result;
  for (const auto& word : words)
    EXPECT_TRUE(result.err_has(word)) << "it does not say: " << word << result;
}

std::string fixture(const std::string& name) {
  return FIXTURES + name + ".so";
}

TEST(bad_input, an_unknown_subject) {
  expect_refused({"audit", "--subject", "pthread-rebust"},
                 {"pthread-rebust", "pthread-robust", "./my_lock.so"});
}

TEST(bad_input, no_subject) {
  expect_refused({"audit"}, {"--subject", "pthread-robust"});
}

TEST(bad_input, an_unknown_operation) {
  expect_refused({"audit", "--subject", "pthread-robust", "--op", "relock"},
                 {"relock", "audit --list"});
}

TEST(bad_input, an_unknown_scenario) {
  expect_refused({"audit", "--subject", "pthread-robust", "--scenario", "end-of-world"},
                 {"end-of-world", "audit --list"});
  expect_refused({"reproduce", "--scenario", "end-of-world"}, {"end-of-world", "audit --list"});
}

TEST(bad_input, an_unknown_policy) {
  for (const char* name : {"rseq", "", "STOCK"})
    expect_refused({"audit", "--subject", "pthread-robust", "--policy", name},
                   {std::string("unknown policy '") + name + "'", "audit --list"});
  expect_refused({"audit", "--subject", "pthread-robust", "--policy"}, {"--policy"});
}

TEST(bad_input, a_scenario_that_does_not_apply_to_the_operation) {
  expect_refused(
      {"audit", "--subject", "pthread-robust", "--op", "lock", "--scenario", "reuse-other-process"},
      {"reuse-other-process", "does not apply to lock: "});
}

TEST(bad_input, a_kill_point_out_of_range) {
  const std::vector<std::string> arguments = {"audit",  "--subject",  "pthread-robust",     "--op",
                                              "unlock", "--scenario", "reuse-other-process"};
  auto whole = arguments;
  whole.emplace_back("--json");
  const auto document = run(whole).json();
  ASSERT_FALSE(document.is_discarded());
  const unsigned number = document.at("kill_points").get<unsigned>();
  auto beyond = arguments;
  beyond.insert(beyond.end(), {"--kill-point", std::to_string(number)});
  expect_refused(beyond, {"kill point " + std::to_string(number) + " is out of range",
                          "0 to " + std::to_string(number - 1)});
  auto below = arguments;
  below.insert(below.end(), {"--kill-point", "-1"});
  expect_refused(below, {"--kill-point"});
  auto no_number = arguments;
  no_number.insert(no_number.end(), {"--kill-point", "last"});
  expect_refused(no_number, {"--kill-point", "last"});
}

// It was accepted, whatever the number, and the status was that of violations.
TEST(bad_input, a_kill_point_where_there_is_none_because_the_set_up_fails) {
  const std::vector<std::string> arguments = {
      "audit",      "--subject",    fixture("lets_everybody_in"), "--op", "unlock-contended",
      "--scenario", "waiter-asleep"};
  EXPECT_EQ(run(arguments).status, 1) << "the report itself is had";
  for (const char* number : {"0", "999"}) {
    auto with_number = arguments;
    with_number.insert(with_number.end(), {"--kill-point", number});
    expect_refused(with_number, {std::string("kill point ") + number + " is out of range",
                                 "has none", "leave out --kill-point"});
  }
}

TEST(bad_input, a_kill_point_of_many_cases) {
  expect_refused({"audit", "--subject", "pthread-robust", "--kill-point", "3"},
                 {"--kill-point", "--op", "--scenario"});
}

TEST(bad_input, a_library_that_is_not_there) {
  expect_refused({"audit", "--subject", "./no_such_lock.so"},
                 {"./no_such_lock.so", "no such file"});
}

TEST(bad_input, a_file_that_is_no_library) {
  const scratch_directory place;
  const std::string path = place.path() + "/lock.so";
  std::ofstream(path) << "no library\n";
  expect_refused({"audit", "--subject", path}, {path, "cannot load it"});
}

TEST(bad_input, a_library_without_the_entry_point) {
  expect_refused({"audit", "--subject", fixture("no_entry")},
                 {fixture("no_entry"), "heirlock_subject()", "lab/subjects/subject.h"});
}

// It prints on its own standard output, too: none of that may get into ours.
TEST(bad_input, a_library_for_another_version_of_the_interface) {
  expect_refused({"audit", "--subject", fixture("wrong_abi"), "--json"},
                 {fixture("wrong_abi"), "another version", "build it again"});
}

TEST(bad_input, a_library_without_the_operations_that_every_lock_has) {
  expect_refused({"audit", "--subject", fixture("half_empty")},
                 {fixture("half_empty"), "unlock is NULL"});
}

TEST(bad_input, a_library_that_dies_when_it_is_loaded) {
  expect_refused({"audit", "--subject", fixture("dies_when_loaded")},
                 {fixture("dies_when_loaded"), "SIGABRT"});
}

TEST(bad_input, a_c_library_that_is_not_there) {
  for (const char* verb : {"audit", "reproduce"}) {
    std::vector<std::string> arguments = {verb, "--libc", "/no/such/libc.so.6"};
    if (verb == std::string("audit"))
      arguments.insert(arguments.end(), {"--subject", "pthread-robust"});
    expect_refused(arguments, {"/no/such/libc.so.6"});
  }
}

TEST(bad_input, a_c_library_without_its_loader) {
  const scratch_directory place;
  const std::string path = place.path() + "/libc.so.6";
  std::ofstream(path) << "no library\n";
  expect_refused({"reproduce", "--libc", path}, {path, "loader", "same directory"});
}

TEST(bad_input, a_loader_that_is_no_program) {
  const scratch_directory place;
  const std::string loader = place.path() + "/ld-linux-x86-64.so.2";
  for (const std::string& path : {place.path() + "/libc.so.6", loader})
    std::ofstream(path) << "no program\n";
  std::filesystem::permissions(loader, std::filesystem::perms::owner_all);
  expect_refused({"reproduce", "--libc", place.path() + "/libc.so.6"},
                 {loader, "Exec format error"});
}

TEST(bad_input, options_that_exclude_each_other) {
  expect_refused({"reproduce", "--natural", "1", "--libc", "/lib/libc.so.6"},
                 {"--natural", "leave out --libc"});
  expect_refused({"reproduce", "--way", "protect"}, {"--way", "--widen"});
  expect_refused({"reproduce", "--natural", "0"}, {"--natural"});
}

TEST(bad_input, no_verb_an_unknown_one_and_an_unknown_option) {
  expect_refused({}, {"demo", "reproduce", "audit"});
  expect_refused({"destroy"}, {"unknown verb 'destroy'", "demo", "reproduce", "audit", "compare",
                               "bench", "storm"});
  expect_refused({"destroy", "--fast"}, {"unknown verb 'destroy'"});
  expect_refused({"demo", "--fast"}, {"--fast"});
}

TEST(bad_input, an_output_that_cannot_be_written) {
  const outcome result = command({"audit", "--list"})
                             .with([] {
                               const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
                               ::dup2(full, STDOUT_FILENO);
                             })
                             .start()
                             .finish();
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_TRUE(result.err_has("No space left on device")) << result;
}

TEST(bad_input, a_temporary_directory_that_is_not_there) {
  const outcome result =
      command({"reproduce"}).with([] { ::setenv("TMPDIR", "/no/such/place", 1); }).start().finish();
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_TRUE(result.err_has("/no/such/place")) << result;
  EXPECT_TRUE(result.err_has("set TMPDIR")) << result;
}

class no_ptrace : public testing::TestWithParam<int> {};

TEST_P(no_ptrace, is_said_and_leaves_nothing) {
  NEEDS_SECCOMP();
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"audit", "--subject", "pthread-robust"},
        {"reproduce"},
        {"demo"}}) {
    const outcome result =
        command(arguments).with([] { refuse_ptrace(GetParam()); }).start().finish();
    EXPECT_EQ(result.status, 2) << result;
    EXPECT_TRUE(result.out.empty()) << result;
    EXPECT_TRUE(result.err_has("cannot trace")) << result;
    EXPECT_TRUE(result.err_has("seccomp")) << result;
  }
}

INSTANTIATE_TEST_SUITE_P(, no_ptrace, testing::Values(EPERM, ENOSYS), [](const auto& each) {
  return each.param == EPERM ? "permission" : "system_call";
});

} // namespace
} // namespace heirlock::cli::test
