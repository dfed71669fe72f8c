// SPDX-License-Identifier: Apache-2.0
// The stand-alone reproducer, as the build makes it and as a plain compiler does.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <ostream>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "lab/race/tally.hpp"
#include "tests/lab/race/unprivileged.hpp"
#include "tests/seccomp.hpp"

namespace heirlock::lab::race::test {
namespace {

enum class made { by_the_build, alone };
std::ostream& operator<<(std::ostream& out, made how) {
  return out << (how == made::alone ? "compiled_alone" : "built");
}

class robust_bug : public testing::TestWithParam<made> {
 protected:
  static outcome run(const std::vector<std::string>& arguments,
                     const std::function<void()>& setup = {}) {
    return run_program(GetParam() == made::alone ? ROBUST_BUG_ALONE : ROBUST_BUG_BUILT, arguments,
                       setup);
  }
  void expect_hit(const outcome& result) {
    EXPECT_EQ(result.status, 0) << result.output;
    const std::string line = "Memory was corrupted by the kernel: ";
    constexpr std::size_t digits = 16;
    constexpr std::size_t between = 4; // " vs "
    const std::size_t at = result.output.find(line);
    ASSERT_NE(at, std::string::npos) << result.output;
    ASSERT_GE(result.output.size(), at + line.size() + 2 * digits + between) << result.output;
    const char* const words = result.output.c_str() + at + line.size();
    const std::uint64_t before = std::strtoull(words, nullptr, 16);
    const std::uint64_t after = std::strtoull(words + digits + between, nullptr, 16);
    // Exactly in that form, to the end of the line.
    EXPECT_EQ(result.output.substr(at, result.output.find('\n', at) - at),
              to_string(corruption{before, after}));
    EXPECT_EQ(before >> 32, before & 0xffffffff);
    EXPECT_EQ(after, (before & 0xffffffff00000000) | (before & 0x80000000) | 0x40000000);
    EXPECT_TRUE(foster_home::empty()) << "it left a process behind";
  }
  foster_home home_;
};

TEST_P(robust_bug, shows_the_line_and_where_it_was_seen) {
  const outcome result = run({});
  expect_hit(result);
  EXPECT_EQ(result.output.rfind("glibc ", 0), 0U) << result.output;
  EXPECT_NE(result.output.find(", Linux "), std::string::npos) << result.output;
}

TEST_P(robust_bug, needs_no_privilege) {
  expect_hit(run({}, drop_privileges));
}

TEST_P(robust_bug, does_without_userfaultfd_where_it_is_refused) {
  NEEDS_SECCOMP();
  const outcome result = run({}, [] { refuse({SYS_userfaultfd}); });
  expect_hit(result);
  EXPECT_NE(result.output.find("userfaultfd is refused (Operation not permitted)"),
            std::string::npos)
      << result.output;
}

TEST_P(robust_bug, does_without_userfaultfd_when_told) {
  expect_hit(run({"--mprotect"}, drop_privileges));
}

TEST_P(robust_bug, says_what_is_missing_and_leaves_no_process) {
  NEEDS_SECCOMP();
  const outcome result = run({}, [] { refuse({SYS_get_robust_list}); });
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_NE(result.output.find("get_robust_list(2)"), std::string::npos) << result.output;
  EXPECT_EQ(result.output.find("Memory was corrupted"), std::string::npos) << result.output;
  EXPECT_TRUE(foster_home::empty());
}

// It waited for ever for a child that it had not killed.
TEST_P(robust_bug, says_that_it_may_not_kill) {
  NEEDS_SECCOMP();
  const outcome result = run({}, [] { refuse({SYS_kill}); });
  EXPECT_EQ(result.status, 2) << result.output;
  EXPECT_NE(result.output.find("kill(2) is refused"), std::string::npos) << result.output;
  EXPECT_TRUE(foster_home::empties_within(std::chrono::seconds(20)));
}

TEST_P(robust_bug, refuses_arguments_that_it_does_not_know) {
  const outcome result = run({"--faster"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.output.find("usage:"), std::string::npos) << result.output;
}

INSTANTIATE_TEST_SUITE_P(as, robust_bug, testing::Values(made::by_the_build, made::alone),
                         [](const auto& each) { return testing::PrintToString(each.param); });

} // namespace
} // namespace heirlock::lab::race::test
