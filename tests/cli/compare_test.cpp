// SPDX-License-Identifier: Apache-2.0
// heirlock compare: which rows it has, and how it goes on after an interruption.
#include <gtest/gtest.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/command.hpp"

namespace heirlock::cli::test {
namespace {

using row = std::pair<std::string, std::string>; // a subject and its policy

TEST(compare, has_a_row_for_each_policy_of_a_locks_proposal_and_for_those_that_concern_every_lock) {
  const outcome result =
      run({"compare", "--quick", "--json", "--subject", "rseq-rl-cs,robust-list,list-32",
           "--scenario", "list-32,owner-killed"});
  ASSERT_EQ(result.status, 1) << result;
  const auto document = result.json();
  std::set<row> rows;
  std::set<row> of_list_32;
  for (const auto& each : document.at("cases")) {
    const row found = {each.at("subject"), each.at("policy")};
    rows.insert(found);
    if (each.at("scenario") == "list-32") of_list_32.insert(found);
  }
  EXPECT_EQ(rows, (std::set<row>{{"rseq-rl-cs", "rseq-rl-cs"},
                                 {"rseq-rl-cs", "rseq-rl-cs-mended"},
                                 {"robust-list", "stock"},
                                 {"robust-list", "serialize-mmap"},
                                 {"robust-list", "oom-spare"},
                                 {"list-32", "multi-list"}}))
      << result;
  EXPECT_EQ(of_list_32, (std::set<row>{{"list-32", "multi-list"}}));
  EXPECT_EQ(document.at("costs").size(), 3u) << "a policy has no part in what is measured";
}

using nlohmann::json;

// The lines of a state file but the first: the finished cases. One that is being written has no end yet.
std::vector<json> cases_in(const std::string& file) {
  std::ifstream in(file);
  std::vector<json> found;
  std::string line;
  for (std::getline(in, line); std::getline(in, line) && !in.eof();)
    found.push_back(json::parse(line).at("case"));
  return found;
}

std::set<std::string> scenarios_of(const std::vector<json>& cases) {
  std::set<std::string> found;
  for (const json& each : cases)
    found.insert(each.at("scenario"));
  return found;
}

// With everything still to do, so that the end does not come before the signal. What is saved is of two scenarios, which
// one worker never has in hand at a time.
std::vector<json> interrupt_a_comparison(const std::string& state, int signal_number) {
  command comparison({"compare", "--quick", "--json", "--state", state});
  comparison.start();
  const auto bound = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  constexpr timespec moment = {0, 5'000'000};
  while (scenarios_of(cases_in(state)).size() < 2 && std::chrono::steady_clock::now() < bound)
    nanosleep(&moment, nullptr);
  comparison.send(signal_number);
  const outcome result = comparison.finish(); // fails when a process is left
  EXPECT_TRUE(result.out.empty()) << result;
  if (signal_number == SIGKILL) {
    EXPECT_EQ(result.signal, SIGKILL) << result;
  } else {
    EXPECT_EQ(result.status, 2) << result;
    EXPECT_TRUE(result.err_has("interrupted")) << result;
  }
  return cases_in(state);
}

// How long a case took tells one audit of it from another.
std::map<std::string, double> seconds_by_case(const std::vector<json>& cases) {
  std::map<std::string, double> found;
  for (const json& each : cases)
    found[each.at("scenario").get<std::string>() + ' ' + each.at("op").get<std::string>()] =
        each.at("seconds");
  return found;
}

class interrupted_comparison : public testing::TestWithParam<int> {};

TEST_P(interrupted_comparison, keeps_what_it_has_and_goes_on_from_there) {
  const scratch_directory directory;
  const std::string state = directory.path() + "/state";
  const auto kept = interrupt_a_comparison(state, GetParam());
  const auto scenarios = scenarios_of(kept);
  ASSERT_GE(scenarios.size(), 2u);
  // What a kill in the middle of a write leaves.
  std::ofstream(state, std::ios::app) << R"({"key":"pthread-robust)";

  const std::string subject = kept.front().at("subject");
  std::string chosen;
  for (const std::string& each : scenarios)
    chosen += (chosen.empty() ? "" : ",") + each;
  const outcome result = run({"compare", "--quick", "--json", "--state", state, "--subject",
                              subject, "--scenario", chosen});
  ASSERT_LE(result.status, 1) << result;
  EXPECT_TRUE(result.err_has("was cut off")) << result;
  const auto all = seconds_by_case(result.json().at("cases"));
  for (const auto& [name, seconds] : seconds_by_case(kept)) {
    ASSERT_TRUE(all.contains(name)) << name << result;
    EXPECT_EQ(all.at(name), seconds) << name << " was audited again" << result;
  }
  EXPECT_EQ(cases_in(state).size(), all.size()) << "each case is in the file once" << result;
}

INSTANTIATE_TEST_SUITE_P(by, interrupted_comparison, testing::Values(SIGINT, SIGTERM, SIGKILL),
                         [](const auto& each) {
                           return std::string("SIG") + ::sigabbrev_np(each.param);
                         });

// A trylock fails while another has the lock, so that nobody dies owning there.
TEST(compare, marks_an_ok_for_which_nobody_died_owning) {
  const outcome result =
      run({"compare", "--subject", "pthread-robust", "--scenario", "thread-exit-holding"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_TRUE(result.out_has("ok*\n")) << result;
  EXPECT_TRUE(result.out_has("\n* nobody died owning the lock, so that of that ok says nothing, in "
                             "thread-exit-holding trylock-contended (1 of 1 rows)\n"))
      << result;
}

TEST(compare, says_why_when_nothing_is_left_to_audit) {
  const outcome result = run({"compare", "--scenario", "list-32", "--subject", "heirlock"});
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_TRUE(result.err_has("nothing to audit: ")) << result;
}

TEST(compare, refuses_the_same_file_for_the_page_and_the_state) {
  const std::string file =
      testing::TempDir() + "heirlock_compare_one_file." + std::to_string(getpid());
  const std::string link = file + ".link";
  ASSERT_EQ(::symlink(file.c_str(), link.c_str()), 0);
  for (const bool exists : {false, true}) {
    if (exists) std::ofstream(file) << "";
    const std::string& page = exists ? link : file;
    const outcome result = run({"compare", "--quick", "--subject", "pthread-normal", "--scenario",
                                "owner-killed", "--html", page, "--state", file});
    EXPECT_EQ(result.status, 2) << result;
    EXPECT_TRUE(result.err_has("are the same file")) << result;
  }
  ::unlink(link.c_str());
  ::unlink(file.c_str());
}

TEST(compare, refuses_a_state_of_another_build_or_another_c_library) {
  const std::string state =
      testing::TempDir() + "heirlock_compare_build." + std::to_string(getpid());
  const std::vector<std::string> asked = {"compare",        "--quick",    "--json",
                                          "--state",        state,        "--subject",
                                          "pthread-normal", "--scenario", "owner-killed"};
  const outcome first = run(asked);
  ASSERT_LE(first.status, 1) << first;
  std::stringstream content;
  content << std::ifstream(state).rdbuf();
  for (const std::string part : {"build ", "glibc "}) {
    std::string changed = content.str();
    const auto place = changed.find(part);
    ASSERT_LT(place, changed.find('\n')) << content.str();
    changed.insert(place + part.size(), "9");
    std::ofstream(state) << changed;
    EXPECT_EQ(run(asked).status, 2) << part;
  }
  ::unlink(state.c_str());
}

TEST(compare, refuses_a_state_that_was_begun_otherwise) {
  const scratch_directory directory;
  const std::string state = directory.path() + "/state";
  const outcome quick = run({"compare", "--quick", "--json", "--state", state, "--subject",
                             "pthread-normal", "--scenario", "unmapped-while-held"});
  ASSERT_LE(quick.status, 1) << quick;
  const outcome full = run({"compare", "--json", "--state", state, "--subject", "pthread-normal",
                            "--scenario", "unmapped-while-held"});
  EXPECT_EQ(full.status, 2) << full;
  EXPECT_TRUE(full.err_has("other surroundings")) << full;
}

} // namespace
} // namespace heirlock::cli::test
