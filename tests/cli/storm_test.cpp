// SPDX-License-Identifier: Apache-2.0
// heirlock storm from outside: its document, its exit statuses, its end.
#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include "tests/cli/command.hpp"

namespace heirlock::cli::test {
namespace {

using arguments = std::vector<std::string>;

arguments storm(const std::string& subject, const arguments& more) {
  arguments all = {"storm", "--subject", subject};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

TEST(storm, prints_one_document_with_what_was_asked_and_counted) {
  const outcome result = run(storm("heirlock", {"--kills", "200", "--processes", "3", "--threads",
                                                "2", "--seed", "7", "--backstop", "0", "--json"}));
  const auto document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  EXPECT_EQ(result.status, document.at("neglected").empty() ? 0 : 1) << result;
  EXPECT_EQ(document.at("subject"), "heirlock");
  EXPECT_EQ(document.at("seed"), 7);
  EXPECT_EQ(document.at("kills"), 200);
  EXPECT_EQ(document.at("processes"), 3);
  EXPECT_EQ(document.at("threads"), 2);
  for (const char* none : {"hangs", "two_owners", "unreported_deaths", "false_deaths", "crashes",
                           "backstop_rescues", "stopped_predecessor", "unexpected_results"})
    EXPECT_EQ(document.at(none), 0) << none << result;
  EXPECT_GT(document.at("acquisitions"), 0);
  EXPECT_GT(document.at("reports"), 0);
  EXPECT_GT(document.at("seconds"), 0);
  int kills = 0;
  for (const char* state : {"idle", "enqueuing", "waiting", "owning", "releasing", "claiming"})
    kills += document.at("killed_while").at(state).get<int>();
  EXPECT_EQ(kills, 200) << "each kill is counted in one state" << result;
}

TEST(storm, ends_with_1_and_a_replay_where_a_lock_tells_nobody_of_a_death) {
  const outcome result = run(storm("pthread-normal", {"--kills", "500", "--seed", "3"}));
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_TRUE(result.out_has("hangs 1")) << result;
  EXPECT_TRUE(result.out_has("heirlock storm --subject pthread-normal --kills 500 --processes 4 "
                             "--threads 1 --seed 3"))
      << result;
}

TEST(storm, has_no_count_for_states_that_a_lock_does_not_have) {
  const outcome result = run(
      storm("pthread-robust", {"--kills", "20", "--processes", "1", "--ways", "none", "--json"}));
  const auto document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  EXPECT_TRUE(document.at("killed_while").at("claiming").is_null()) << result;
  EXPECT_TRUE(document.at("killed_while").at("waiting").is_null()) << result;
  EXPECT_TRUE(document.at("backstop_rescues").is_null()) << result;
  EXPECT_EQ(document.at("ways"), "none");
}

TEST(storm, fails_when_a_state_was_hardly_tried) {
  const outcome result = run(storm("heirlock", {"--kills", "2"}));
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_TRUE(result.out_has("Not tried enough: 0 of 2 kills while")) << result;
}

TEST(storm, refuses_what_it_cannot_do) {
  for (const arguments& wrong :
       {storm("no-such-lock", {}), storm("./no_such.so", {}), storm("heirlock", {"--kills", "0"}),
        storm("heirlock", {"--threads", "17"}), storm("heirlock", {"--processes", "0"}),
        storm("heirlock", {"--ways", "swimming"}), storm("heirlock", {"--ways", "none,timed"}),
        storm("heirlock", {"--backstop", "-1"}), arguments{"storm"}}) {
    const outcome result = run(wrong);
    EXPECT_EQ(result.status, 2) << result;
    EXPECT_TRUE(result.out.empty()) << result;
    EXPECT_FALSE(result.err.empty()) << result;
  }
}

TEST(storm, takes_its_processes_along_however_it_ends) {
  for (const int signal_number : {SIGINT, SIGTERM, SIGKILL}) {
    command endless(storm("heirlock", {"--kills", "1000000", "--threads", "2"}));
    endless.start();
    ASSERT_TRUE(endless.has_started_processes(4));
    endless.send(signal_number);
    const outcome result = endless.finish(); // fails when a process is left
    if (signal_number == SIGKILL) {
      EXPECT_EQ(result.signal, SIGKILL) << result;
    } else {
      EXPECT_EQ(result.status, 2) << result;
      EXPECT_TRUE(result.err_has("interrupted")) << result;
    }
  }
}

TEST(storm, by_ctrl_c_on_a_terminal_ends_orderly_and_wipes_its_bar) {
  command endless(storm("pthread-robust", {"--kills", "1000000", "--ways", "none"}));
  endless.on_a_terminal().start();
  ASSERT_TRUE(endless.has_started_processes(4));
  endless.type("\x03");
  const outcome result = endless.finish();
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_TRUE(result.err_has("interrupted")) << result;
}

} // namespace
} // namespace heirlock::cli::test
