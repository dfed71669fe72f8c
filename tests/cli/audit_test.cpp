// SPDX-License-Identifier: Apache-2.0
// heirlock audit: what it finds, and the document that it prints.
#include <cstdint>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/securebits.h>
#include <optional>
#include <set>
#include <sstream>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <tuple>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "tests/cli/command.hpp"

namespace heirlock::cli::test {
namespace {

using nlohmann::json;

// As found by hand in the machine code of this version; others have a window of their own.
constexpr const char* libc_with_known_window = "glibc 2.36";
constexpr std::size_t known_window = 3;

std::vector<std::string> unlock_in(const std::string& subject, const std::string& scenario) {
  return {"audit", "--subject", subject, "--op", "unlock", "--scenario", scenario, "--json"};
}

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> keys;
  for (const auto& item : object.items())
    keys.insert(item.key());
  return keys;
}

// Where a violation is, and what it is.
std::vector<std::tuple<unsigned, std::string, std::string, unsigned>> listed(const json& document) {
  std::vector<std::tuple<unsigned, std::string, std::string, unsigned>> list;
  for (const auto& each : document.at("violations"))
    list.emplace_back(each.at("step"), each.at("verdict"), each.at("symbol"), each.at("offset"));
  return list;
}

// The futex word is the first half of the reused word: of it the kernel keeps the bit for waiters.
std::uint64_t marked_as_the_kernel_does(std::uint64_t word) {
  const std::uint64_t rest = word >> 32 << 32;
  return rest | (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
}

void expect_the_contract(const json& document) {
  EXPECT_EQ(keys_of(document),
            (std::set<std::string>{"kernel", "libc", "subject", "op", "scenario", "policy",
                                   "kill_points", "verdicts", "not_judged", "premise_missing",
                                   "violations", "window", "replay", "runs", "seconds"}));
  unsigned judged = 0;
  for (const auto& count : document.at("verdicts"))
    judged += count.get<unsigned>();
  EXPECT_EQ(document.at("kill_points").get<unsigned>(), judged);
  for (const auto& each : document.at("violations")) {
    auto keys = keys_of(each);
    keys.erase("filled_with");  // of reused memory only
    keys.erase("by_exit_walk"); // likewise
    keys.erase("second_at");
    keys.erase("second_actor"); // where another one's position is enumerated
    EXPECT_EQ(keys, (std::set<std::string>{"step", "symbol", "offset", "module", "module_offset",
                                           "instruction", "asleep", "verdict", "before", "after",
                                           "note", "runs", "replay", "victim", "went_on_in"}));
  }
}

// The window marks the kill points that are listed, and no other.
void expect_the_window_of(const json& document) {
  std::vector<std::tuple<unsigned, std::string, std::string>> marked;
  for (const auto& row : document.at("window"))
    if (row.contains("verdict"))
      marked.emplace_back(row.at("step"), row.at("instruction"), row.at("verdict"));
  std::vector<std::tuple<unsigned, std::string, std::string>> wanted;
  for (const auto& each : document.at("violations"))
    wanted.emplace_back(each.at("step"), each.at("instruction"), each.at("verdict"));
  EXPECT_EQ(marked, wanted);
  EXPECT_GT(document.at("window").size(), marked.size()) << "with its neighbours";
}

class audit_reuse : public testing::TestWithParam<const char*> {};

TEST_P(audit_reuse, of_a_robust_mutex_finds_the_window_and_what_the_kernel_wrote) {
  const outcome result = run(unlock_in("pthread-robust", GetParam()));
  ASSERT_EQ(result.status, 1) << result;
  EXPECT_TRUE(result.err.empty()) << result;
  const json document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  expect_the_contract(document);
  EXPECT_EQ(document.at("subject"), "pthread-robust");
  EXPECT_EQ(document.at("op"), "unlock");
  EXPECT_EQ(document.at("scenario"), GetParam());
  const auto& violations = document.at("violations");
  if (document.at("libc") == libc_with_known_window) {
    EXPECT_EQ(violations.size(), known_window) << result;
    EXPECT_EQ(document.at("verdicts").at("corrupted"), known_window) << result;
  }
  ASSERT_FALSE(violations.empty());
  expect_the_window_of(document);
  for (const auto& each : violations) {
    EXPECT_EQ(each.at("verdict"), "corrupted");
    EXPECT_EQ(each.at("victim"), "killed");
    EXPECT_EQ(each.at("by_exit_walk"), true);
    EXPECT_EQ(each.at("runs"), 2) << "once for each of the two fills";
    const auto before = std::stoull(each.at("before").get<std::string>(), nullptr, 16);
    const auto after = std::stoull(each.at("after").get<std::string>(), nullptr, 16);
    EXPECT_EQ(before >> 32, before & 0xffffffff) << "the fill is the TID, twice";
    EXPECT_EQ(after, marked_as_the_kernel_does(before)) << result;
    EXPECT_NE(after, before);
  }
}

// The kernel knows nothing of a normal mutex: it writes nowhere, and tells nobody of the owner's death.
// Others have slept on it: the pending operation is cleared only behind the wake.
TEST_P(audit_reuse, of_a_contended_unlock_finds_a_window_that_spans_the_wake) {
  const outcome result = run({"audit", "--subject", "pthread-robust", "--op", "unlock-contended",
                              "--scenario", GetParam(), "--json"});
  ASSERT_EQ(result.status, 1) << result;
  const json document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  if (document.at("libc") != libc_with_known_window) GTEST_SKIP() << "another libc's window";
  std::vector<unsigned> steps;
  std::optional<unsigned> wake;
  for (const auto& each : document.at("violations")) {
    EXPECT_EQ(each.at("verdict"), "corrupted");
    steps.push_back(each.at("step"));
    if (each.at("instruction") == "syscall") wake = each.at("step");
  }
  ASSERT_FALSE(steps.empty()) << result;
  EXPECT_EQ(steps.back() - steps.front() + 1, steps.size()) << "without a gap" << result;
  ASSERT_TRUE(wake.has_value()) << result;
  EXPECT_GT(*wake, steps.front()) << "from before the wake" << result;
  EXPECT_LT(*wake, steps.back()) << "to behind it" << result;
}

TEST_P(audit_reuse, of_a_normal_mutex_finds_the_lost_owner_and_no_corruption) {
  const outcome result = run(unlock_in("pthread-normal", GetParam()));
  EXPECT_EQ(result.status, 1) << result;
  const json document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  expect_the_contract(document);
  EXPECT_FALSE(document.at("violations").empty());
  for (const auto& each : document.at("violations"))
    EXPECT_EQ(each.at("verdict"), "owner lost") << result;
  EXPECT_FALSE(document.at("verdicts").contains("corrupted"));
  EXPECT_EQ(document.at("runs").at("deaths_told"), 0);
  EXPECT_GT(document.at("runs").at("memory_reused").get<unsigned>(), 0U) << "else it says nothing";
}

TEST_P(audit_reuse, lists_the_same_twice) {
  const json first = run(unlock_in("pthread-robust", GetParam())).json();
  const json second = run(unlock_in("pthread-robust", GetParam())).json();
  ASSERT_FALSE(first.is_discarded() || second.is_discarded());
  EXPECT_EQ(listed(first), listed(second));
  EXPECT_EQ(first.at("kill_points"), second.at("kill_points"));
}

INSTANTIATE_TEST_SUITE_P(, audit_reuse,
                         testing::Values("reuse-other-process", "reuse-same-process"),
                         [](const auto& each) {
                           return std::string(each.param) == "reuse-other-process"
                                      ? "by_another_process"
                                      : "in_the_same_process";
                         });

TEST(audit, replays_one_kill_point_with_the_same_verdict) {
  auto arguments = unlock_in("pthread-robust", "reuse-other-process");
  const json whole = run(arguments).json();
  ASSERT_FALSE(whole.is_discarded());
  ASSERT_FALSE(whole.at("violations").empty());
  for (const auto& each : whole.at("violations")) {
    auto one = arguments;
    one.insert(one.end(), {"--kill-point", std::to_string(each.at("step").get<unsigned>())});
    const outcome replayed = run(one);
    EXPECT_EQ(replayed.status, 1) << replayed;
    const json document = replayed.json();
    ASSERT_FALSE(document.is_discarded()) << replayed;
    EXPECT_EQ(document.at("kill_points"), 1);
    EXPECT_EQ(document.at("not_judged"), whole.at("kill_points").get<unsigned>() - 1);
    for (const auto& row : document.at("window"))
      EXPECT_NE(row.contains("verdict"), row.contains("judged")) << row << replayed;
    ASSERT_EQ(listed(document).size(), 1U) << replayed;
    EXPECT_EQ(listed(document).front(), listed({{"violations", json::array({each})}}).front());
  }
  const unsigned harmless = 0;
  arguments.insert(arguments.end(), {"--kill-point", std::to_string(harmless)});
  const outcome replayed = run(arguments);
  EXPECT_EQ(replayed.status, 0) << replayed;
  EXPECT_EQ(replayed.json().at("verdicts"), (json{{"ok", 1}}));
}

TEST(audit, prints_for_people_a_summary_the_window_and_the_replay) {
  auto arguments = unlock_in("pthread-robust", "reuse-other-process");
  arguments.pop_back();
  const outcome result = run(arguments);
  EXPECT_EQ(result.status, 1) << result;
  EXPECT_TRUE(result.err.empty()) << result;
  const std::size_t summary = result.out.find("kill points: ");
  const std::size_t window = result.out.find("    => ");
  const std::size_t replay =
      result.out.find("replay one: " HEIRLOCK_PROGRAM " audit --subject pthread-robust --op unlock "
                      "--scenario reuse-other-process --kill-point ");
  ASSERT_NE(replay, std::string::npos) << result;
  EXPECT_LT(summary, window) << result;
  EXPECT_LT(window, replay) << result;
  EXPECT_FALSE(result.out_has("not judged")) << result;
}

TEST(audit, prints_lines_that_replay_each_verdict_when_they_are_run) {
  const outcome whole = run({"audit", "--subject", "pthread-normal", "--op", "lock-contended",
                             "--scenario", "waiter-asleep"});
  ASSERT_EQ(whole.status, 1) << whole;
  std::istringstream text(whole.out);
  const std::string start = "  replay one: " HEIRLOCK_PROGRAM " ";
  std::set<std::string> verdicts;
  std::string of_verdict;
  for (std::string line; std::getline(text, line); of_verdict = line) {
    if (!line.starts_with(start)) continue;
    const std::string verdict = of_verdict.substr(0, of_verdict.find(" at "));
    verdicts.insert(verdict);
    std::istringstream words(line.substr(start.size()));
    std::vector<std::string> arguments;
    for (std::string word; words >> word;)
      arguments.push_back(word);
    const outcome replayed = run(arguments);
    EXPECT_EQ(replayed.status, 1) << replayed;
    EXPECT_TRUE(replayed.out_has(verdict + " at 1 kill point (")) << replayed;
  }
  EXPECT_EQ(verdicts, (std::set<std::string>{"  lost wake-up", "  owner lost"})) << whole;
}

TEST(audit, of_one_kill_point_says_that_its_neighbours_were_not_judged) {
  auto arguments = unlock_in("pthread-robust", "reuse-other-process");
  const json whole = run(arguments).json();
  ASSERT_FALSE(whole.at("violations").empty());
  const std::string step = std::to_string(whole.at("violations")[0].at("step").get<unsigned>());
  arguments.pop_back();
  arguments.insert(arguments.end(), {"--kill-point", step});
  const outcome result = run(arguments);
  std::istringstream text(result.out);
  unsigned marked = 0, neighbours = 0;
  for (std::string line; std::getline(text, line);) {
    marked += line.find("    => ") == 0;
    neighbours += line.ends_with("  not judged");
  }
  EXPECT_EQ(marked, 1U) << result;
  EXPECT_EQ(neighbours, 4U) << "two before and two behind" << result;
}

TEST(audit, lists_what_may_be_chosen) {
  const outcome result = run({"audit", "--list"});
  EXPECT_EQ(result.status, 0) << result;
  for (const char* name : {"pthread-robust", "pthread-normal", "unlock-contended", "remap-file",
                           "signal-in-window", "reuse-same-process"})
    EXPECT_TRUE(result.out_has(name)) << name << result;
}

// It was plain text.
TEST(audit, lists_what_may_be_chosen_as_a_document_too) {
  const outcome text = run({"audit", "--list"});
  const outcome result = run({"audit", "--list", "--json"});
  EXPECT_EQ(result.status, 0) << result;
  const json document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  std::set<std::string> names;
  for (const char* kind : {"subjects", "scenarios", "policies"})
    for (const json& each : document.at(kind)) {
      EXPECT_TRUE(text.out_has("  " + each.at("name").get<std::string>())) << each;
      EXPECT_TRUE(text.out_has(each.at("summary").get<std::string>())) << each;
      if (each.contains("needs_policy")) {
        EXPECT_TRUE(text.out_has("needs --policy " + each.at("needs_policy").get<std::string>()));
      }
      names.insert(each.at("name"));
    }
  for (const json& each : document.at("operations")) {
    EXPECT_TRUE(text.out_has("  " + each.get<std::string>() + "\n")) << each;
    names.insert(each);
  }
  for (const char* name : {"pthread-robust", "heirlock", "unlock-contended", "remap-file", "stock"})
    EXPECT_TRUE(names.contains(name)) << name << result;
}

TEST(audit, lists_each_policy_on_a_line_of_its_own_with_what_it_does) {
  const outcome result = run({"audit", "--list"});
  std::istringstream lines(result.out.substr(result.out.find("\nkernel policies:\n") + 1));
  std::string line;
  std::getline(lines, line);
  std::set<std::string> names;
  while (std::getline(lines, line)) {
    std::istringstream words(line);
    std::string name;
    std::string does;
    words >> name;
    std::getline(words >> std::ws, does);
    EXPECT_GT(does.size(), 20u) << line;
    EXPECT_TRUE(names.insert(name).second) << line;
  }
  for (const char* name : {"stock", "stock-copy", "rseq-rl-cs", "rseq-rl-cs-mended"})
    EXPECT_TRUE(names.contains(name)) << name << result;
}

// As an ordinary user, or as root in a container that has no capabilities.
void give_up_capabilities() {
  if (::geteuid() != 0) return;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  // Without the first, executing a program as root would bring them back.
  if (::prctl(PR_SET_SECUREBITS, SECBIT_NOROOT) != 0 || ::syscall(SYS_capset, &header, none) != 0)
    ::_exit(126);
}

TEST(audit, needs_no_privilege_whoever_walks_the_robust_list) {
  for (const char* policy : {"stock", "stock-copy", "rseq-rl-cs", "rseq-rl-cs-mended"}) {
    auto arguments = unlock_in("robust-list", "remap-file");
    arguments.insert(arguments.end(), {"--policy", policy});
    const outcome result = command(arguments).with(give_up_capabilities).start().finish();
    ASSERT_EQ(result.status, 1) << policy << result;
    const json document = result.json();
    ASSERT_FALSE(document.is_discarded()) << result;
    EXPECT_EQ(document.at("verdicts").at("corrupted"), known_window) << policy << result;
  }
}

// Only root can have the OOM killer called, as a rule; nobody never can.
TEST(audit, does_not_pass_a_scenario_that_cannot_be_performed_here_but_says_why) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user takes root";
  const auto as_nobody = [](std::vector<std::string> arguments) {
    command any(std::move(arguments));
    EXPECT_EQ(::chmod(any.temporary().path().c_str(), 0777), 0);
    return any.with(become_nobody).start().finish();
  };
  const outcome asked_for = as_nobody({"audit", "--subject", "pthread-robust", "--op", "unlock",
                                       "--scenario", "oom-kill", "--kill-point", "0"});
  EXPECT_EQ(asked_for.status, 2) << asked_for;
  EXPECT_TRUE(asked_for.err_has("scenario oom-kill cannot be performed here: ")) << asked_for;
  const outcome among_all =
      as_nobody({"audit", "--subject", "pthread-normal", "--op", "trylock", "--json"});
  const json document = among_all.json();
  ASSERT_FALSE(document.is_discarded()) << among_all;
  const json& left_out = document.at("not_performed");
  const std::vector<std::string> expected = {"recursive-tid-reuse", "oom-kill"};
  ASSERT_EQ(left_out.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(left_out[i].at("scenario"), expected[i]);
    EXPECT_FALSE(left_out[i].at("why").get<std::string>().empty());
    for (const json& each : document.at("cases"))
      EXPECT_NE(each.at("scenario"), expected[i]);
  }
}

// A lock that announces no transaction says nothing about a kernel that looks for them.
TEST(audit, says_when_the_lock_does_not_use_what_the_policy_offers) {
  auto arguments = unlock_in("pthread-robust", "reuse-other-process");
  arguments.pop_back();
  const std::string note = "note: this lock does not make use of rseq-rl-cs";
  EXPECT_FALSE(run(arguments).out_has(note));
  arguments.insert(arguments.end(), {"--policy", "rseq-rl-cs", "--kill-point", "0"});
  const outcome result = run(arguments);
  EXPECT_TRUE(result.out_has(note)) << result;
}

} // namespace
} // namespace heirlock::cli::test
