// SPDX-License-Identifier: Apache-2.0
// How an audit of a program ends when it cannot be done, or is broken off.
#include <signal.h>

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/cli/audit_at/audit_at_command.hpp"

namespace heirlock::cli::test {
namespace {

class audit_at_end : public audit_at {
 protected:
  static void expect_trouble(const outcome& result, const words& said) {
    EXPECT_EQ(result.status, 2) << result.out;
    EXPECT_EQ(result.out, "");
    for (const std::string& part : said)
      EXPECT_NE(result.err.find(part), std::string::npos)
          << "no '" << part << "' in: " << result.err;
  }

  // Stops an audit by a signal while its check command runs, and the program's survivors with it.
  outcome broken_off_by(int signal_number) const {
    const std::string started = directory_ / "started";
    const pid_t pid =
        start({HEIRLOCK_PROGRAM, "audit", "--at", "move_money", "--check-timeout", "60", "--check",
               "sleep 60 & echo > " + started + "; wait", "--", LEDGER_PROGRAM, file(), "family"},
              "out", "err");
    EXPECT_TRUE(appears(started));
    kill(pid, signal_number);
    return finish(pid, "out", "err");
  }
};

TEST_F(audit_at_end, names_an_unknown_function_and_what_was_searched) {
  expect_trouble(audit({"no_such_function"}, "move"),
                 {"no_such_function", LEDGER_PROGRAM, "libc.so.6", "dlopen"});
}

TEST_F(audit_at_end, says_how_a_program_ended_that_never_made_the_call) {
  expect_trouble(audit({"flip_money"}, "move"),
                 {"never called flip_money", "exited with status 0"});
}

TEST_F(audit_at_end, says_how_many_calls_there_were) {
  expect_trouble(audit({"move_money", "--call", "4"}, "moves"),
                 {"called move_money 3 times only, not 4", "exited with status 0"});
}

TEST_F(audit_at_end, gives_up_on_a_program_that_does_not_come_to_the_call) {
  expect_trouble(audit({"move_money", "--call", "2", "--timeout", "0.5"}, "family"),
                 {"called move_money 1 time only", "still running after 0.5 s", "--timeout"});
}

TEST_F(audit_at_end, refuses_a_function_that_the_loader_picks) {
  expect_trouble(audit({"memcpy"}, "move"), {"memcpy is an indirect function", "libc.so.6"});
}

TEST_F(audit_at_end, names_a_program_that_cannot_be_run) {
  expect_trouble(heirlock({"--at", "main", "--", "./no-such-program"}), {"./no-such-program"});
  expect_trouble(heirlock({"--at", "main", "--", "no-such-program"}), {"no-such-program", "PATH"});
  const std::string plain = directory_ / "plain";
  std::ofstream(plain) << "text\n";
  expect_trouble(heirlock({"--at", "main", "--", plain}), {plain, "chmod +x"});
  expect_trouble(heirlock({"--at", "main", "--", directory_}), {directory_, "directory"});
}

TEST_F(audit_at_end, asks_for_what_is_missing) {
  expect_trouble(heirlock({"--at", "main"}), {"say which program", "-- PROG ARGS"});
  expect_trouble(heirlock({"--at", "main", "--"}), {"say which program", "-- PROG ARGS"});
  expect_trouble(heirlock({"--call", "2", "--", "/bin/true"}), {"--at FUNCTION"});
}

TEST_F(audit_at_end, refuses_a_subject_or_a_policy_beside_a_program) {
  for (const auto& [option, value] :
       {std::pair("--subject", "pthread-robust"), std::pair("--policy", "rseq-rl-cs")})
    expect_trouble(heirlock({"--at", "main", option, value, "--", LEDGER_PROGRAM, file()}),
                   {option, "--at"});
}

TEST_F(audit_at_end, knows_the_range_of_kill_points) {
  expect_trouble(audit({"move_money", "--kill-point", "1000"}, "move"),
                 {"kill point 1000 is out of range", "0 to "});
}

TEST_F(audit_at_end, tells_a_check_that_cannot_run_from_one_that_fails) {
  expect_trouble(audit({"move_money", "--check", "no-such-check"}, "move"),
                 {"check command could not be run", "no-such-check"});
}

TEST_F(audit_at_end, calls_a_check_that_does_not_end_stuck) {
  const outcome result =
      audit({"move_money", "--kill-point", "1", "--check", "sleep 1000", "--check-timeout", "0.2"},
            "move");
  ASSERT_EQ(result.status, 1) << result.err;
  EXPECT_EQ(result.json()["verdicts"], nlohmann::json({{"stuck", 1}}));
}

TEST_F(audit_at_end, ends_what_a_check_leaves_running) {
  const outcome result =
      audit({"move_money", "--kill-point", "1", "--check", "sleep 1000 & setsid sleep 1000 & true"},
            "move");
  EXPECT_EQ(result.status, 0) << result.out << result.err;
  EXPECT_TRUE(nobody_is_left());
}

TEST_F(audit_at_end, leaves_nothing_after_an_interrupt) {
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    const outcome result = broken_off_by(signal_number);
    EXPECT_EQ(result.status, 2) << result.err;
    EXPECT_NE(result.err.find("interrupted"), std::string::npos) << result.err;
    EXPECT_TRUE(nobody_is_left());
    std::filesystem::remove(directory_ / "started");
  }
}

TEST_F(audit_at_end, leaves_no_process_of_the_program_after_its_own_sudden_death) {
  const std::string started = directory_ / "started";
  const pid_t pid = start({HEIRLOCK_PROGRAM, "audit", "--at", "move_money", "--check",
                           "echo > " + started + "; exec sleep 60", "--check-timeout", "60", "--",
                           LEDGER_PROGRAM, file(), "family"},
                          "out", "err");
  EXPECT_TRUE(appears(started));
  kill(pid, SIGKILL);
  EXPECT_EQ(finish(pid, "out", "err").status, -1);
  EXPECT_TRUE(nobody_is_left());
}

} // namespace
} // namespace heirlock::cli::test
