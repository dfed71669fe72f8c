// SPDX-License-Identifier: Apache-2.0
// However an audit ends, its processes end with it; and what a terminal sees of it meanwhile.
#include <array>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/cli/command.hpp"

namespace heirlock::cli::test {
namespace {

// All operations and scenarios: far longer than a test needs to stop it.
const std::vector<std::string> long_audit = {"audit", "--subject", "pthread-robust", "--json"};
// The first process of the actors, and at least one actor.
constexpr std::size_t under_way = 2;

void expect_interrupted(const outcome& result) {
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_TRUE(result.err_has("interrupted")) << result;
  EXPECT_TRUE(result.out.empty()) << result;
}

class ending_of_an_audit : public testing::TestWithParam<int> {};

TEST_P(ending_of_an_audit, by_a_signal_is_orderly) {
  command audit(long_audit);
  audit.start();
  ASSERT_TRUE(audit.has_started_processes(under_way));
  audit.send(GetParam());
  expect_interrupted(audit.finish());
}

INSTANTIATE_TEST_SUITE_P(, ending_of_an_audit, testing::Values(SIGINT, SIGTERM, SIGHUP),
                         [](const auto& each) {
                           return std::string("SIG") + ::sigabbrev_np(each.param);
                         });

TEST(ending, by_ctrl_c_on_a_terminal_is_orderly) {
  command audit(long_audit);
  audit.on_a_terminal().start();
  ASSERT_TRUE(audit.has_started_processes(under_way));
  audit.type("\x03");
  expect_interrupted(audit.finish());
}

TEST(ending, of_reproduce_and_of_its_series_without_ptrace_is_orderly) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"reproduce", "--scenario", "remap-file"},
        {"reproduce", "--natural", "100"}}) {
    command reproduce(arguments);
    reproduce.start();
    ASSERT_TRUE(reproduce.has_started_processes(1));
    reproduce.send(SIGINT);
    expect_interrupted(reproduce.finish());
  }
}

// Before the arguments had been read it ended by the signal, in whatever it was about.
TEST(ending, by_a_signal_is_orderly_from_the_beginning) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
  const std::string much(65536, '-');
  while (::write(ends[1], much.data(), much.size()) > 0) {
  }
  ::fcntl(ends[1], F_SETFL, 0);
  command help({"--help"});
  help.with([&] { ::dup2(ends[1], STDOUT_FILENO); }).start();
  ::close(ends[1]);
  const bool waits = help.has_entered(SYS_write);
  help.send(SIGTERM);
  std::string all(2 * much.size(), ' ');
  while (::read(ends[0], all.data(), all.size()) > 0) {
  }
  ::close(ends[0]);
  const outcome result = help.finish();
  EXPECT_TRUE(waits) << result;
  EXPECT_EQ(result.signal, 0) << result;
}

TEST(ending, by_sigkill_takes_the_actors_along) {
  command audit(long_audit);
  audit.start();
  ASSERT_TRUE(audit.has_started_processes(under_way));
  audit.send(SIGKILL);
  const outcome result = audit.finish();
  EXPECT_EQ(result.signal, SIGKILL) << result;
}

TEST(ending, by_a_reader_that_has_gone_takes_the_actors_along) {
  command audit({"audit", "--subject", "pthread-normal", "--op", "trylock"});
  const outcome result = audit
                             .with([] {
                               int ends[2];
                               if (::pipe(ends) != 0) return;
                               ::close(ends[0]);
                               ::dup2(ends[1], STDOUT_FILENO);
                               ::close(ends[1]);
                             })
                             .start()
                             .finish();
  EXPECT_EQ(result.signal, SIGPIPE) << result;
}

const std::string wiped = "\r\033[K";

TEST(progress, is_shown_on_a_terminal_and_leaves_standard_output_alone) {
  // The check takes its time, at each of the kill points, until the bar has been seen.
  const scratch_directory folder;
  const std::string seen = folder.path() + "/seen";
  command audit({"audit", "--at", "flip_money", "--check", "test -e " + seen + " || sleep 1",
                 "--json", "--", LEDGER_PROGRAM, folder.path() + "/book", "flip"});
  audit.on_a_terminal().start();
  const bool shown = audit.has_shown(" %  flip_money");
  std::ofstream(seen).put('\n');
  const outcome result = audit.finish();
  EXPECT_TRUE(shown) << result;
  EXPECT_TRUE(result.err_has("[#") || result.err_has("[.")) << result;
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_FALSE(result.json().is_discarded()) << result;
  EXPECT_TRUE(result.err.ends_with(wiped)) << result;
}

TEST(progress, names_the_case_and_is_wiped_when_the_audit_is_interrupted) {
  command audit(long_audit);
  audit.on_a_terminal().start();
  const bool shown = audit.has_shown(" %  lock ");
  audit.type("\x03");
  const outcome result = audit.finish();
  EXPECT_TRUE(shown) << result;
  expect_interrupted(result);
  EXPECT_LT(result.err.rfind(" %  lock "), result.err.rfind(wiped)) << result;
}

} // namespace
} // namespace heirlock::cli::test
