// SPDX-License-Identifier: Apache-2.0
// heirlock reproduce and demo: what they promise to show; and the help of every verb.
#include <cmath>
#include <cstdint>
#include <dlfcn.h>
#include <filesystem>
#include <link.h>
#include <linux/futex.h>
#include <map>
#include <sstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/cli/command.hpp"

namespace heirlock::cli::test {
namespace {

using nlohmann::json;

constexpr const char* line_start = "Memory was corrupted by the kernel: ";

struct corruption {
  std::uint64_t before = 0;
  std::uint64_t after = 0;
};

// Takes the form of the lines literally: sixteen digits, " vs ", sixteen digits, nothing else.
std::vector<corruption> corruptions_in(const outcome& result) {
  std::vector<corruption> found;
  std::istringstream text(result.out);
  for (std::string line; std::getline(text, line);) {
    const std::size_t at = line.find(line_start);
    if (at == std::string::npos) continue;
    const std::string values = line.substr(at + std::string(line_start).size());
    EXPECT_EQ(line.substr(0, at).find_first_not_of(' '), std::string::npos) << line;
    EXPECT_EQ(values.size(), 36U) << line;
    EXPECT_EQ(values.find_first_not_of("0123456789abcdef vs"), std::string::npos) << line;
    EXPECT_EQ(values.substr(16, 4), " vs ") << line;
    found.push_back({std::stoull(values.substr(0, 16), nullptr, 16),
                     std::stoull(values.substr(20), nullptr, 16)});
  }
  return found;
}

// Each corrupting kill point is shown in both fills: with the bit for waiters, and without.
void expect_both_fills(const outcome& result) {
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_TRUE(result.err.empty()) << result;
  const auto lines = corruptions_in(result);
  ASSERT_FALSE(lines.empty()) << result;
  std::map<bool, unsigned> by_fill;
  for (const auto& line : lines) {
    ++by_fill[(line.before & FUTEX_WAITERS) != 0];
    EXPECT_EQ(line.before >> 32, line.before & 0xffffffff) << result;
    EXPECT_EQ(line.after,
              (line.before >> 32 << 32) | (line.before & FUTEX_WAITERS) | FUTEX_OWNER_DIED)
        << result;
  }
  EXPECT_EQ(by_fill[true], by_fill[false]) << result;
}

TEST(reproduce, shows_each_corrupting_kill_point_in_both_fills) {
  const outcome result = run({"reproduce"});
  expect_both_fills(result);
  const json document = run({"reproduce", "--json"}).json();
  ASSERT_FALSE(document.is_discarded());
  const auto& list = document.at("corruptions");
  EXPECT_EQ(list.size(), corruptions_in(result).size());
  if (document.at("libc") == "glibc 2.36") {
    unsigned uncontended = 0;
    for (const auto& each : list)
      uncontended += each.at("op") == "unlock";
    EXPECT_EQ(uncontended, 3U * 2);
  }
}

TEST(reproduce, changes_a_file_on_disk) {
  expect_both_fills(run({"reproduce", "--scenario", "remap-file"}));
}

std::string path_of_libc() {
  Dl_info info = {};
  ::dladdr(reinterpret_cast<const void*>(&::getpid), &info);
  return info.dli_fname != nullptr ? info.dli_fname : "";
}

TEST(reproduce, runs_on_a_c_library_from_elsewhere) {
  const std::filesystem::path libc = path_of_libc();
  std::filesystem::path loader;
  for (const char* name : {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"})
    if (std::filesystem::exists(name)) loader = name;
  if (libc.filename() != "libc.so.6" || loader.empty())
    GTEST_SKIP() << "this machine's C library is not where glibc is: " << libc;
  const scratch_directory place;
  for (const auto& file : {libc, loader})
    std::filesystem::copy_file(file, place.path() / file.filename());
  const std::string copy = place.path() + "/libc.so.6";
  expect_both_fills(run({"reproduce", "--libc", copy}));
  const outcome audit = run({"audit", "--subject", "pthread-robust", "--op", "unlock", "--scenario",
                             "reuse-other-process", "--libc", copy, "--json"});
  ASSERT_EQ(audit.status, 1) << audit;
  const json document = audit.json();
  ASSERT_FALSE(document.is_discarded()) << audit;
  for (const auto& each : document.at("violations")) {
    EXPECT_EQ(each.at("module"), copy) << "it ran on another one";
    EXPECT_NE(each.at("replay").get<std::string>().find(" --libc " + copy), std::string::npos);
  }
}

void expect_a_tally(const json& tally) {
  EXPECT_GT(tally.at("attempts").get<unsigned>(), 0U);
  EXPECT_EQ(tally.at("unexplained"), 0);
  const double hits = tally.at("hits").get<double>();
  const double attempts = tally.at("attempts").get<double>();
  EXPECT_LE(hits, tally.at("reused").get<double>()) << "only reused memory can be hit";
  EXPECT_NEAR(tally.at("rate").get<double>(), hits / attempts, 1e-12);
  EXPECT_NEAR(tally.at("hits_per_second").get<double>() * tally.at("seconds").get<double>(), hits,
              1e-6 * (hits + 1));
  EXPECT_EQ(tally.contains("before"), hits > 0) << tally;
  // The definition of Clopper and Pearson, where it can be solved by hand.
  const auto& bounds = tally.at("rate_95");
  ASSERT_EQ(bounds.size(), 2U);
  const double none_or_all = -std::expm1(std::log(0.025) / attempts);
  if (hits == 0) {
    EXPECT_EQ(bounds[0], 0);
    EXPECT_NEAR(bounds[1].get<double>() / none_or_all, 1, 1e-6) << tally;
  } else if (hits == attempts) {
    EXPECT_EQ(bounds[1], 1);
    EXPECT_NEAR((1 - bounds[0].get<double>()) / none_or_all, 1, 1e-6) << tally;
  } else {
    EXPECT_LT(bounds[0].get<double>(), hits / attempts) << tally;
    EXPECT_GT(bounds[1].get<double>(), hits / attempts) << tally;
  }
}

TEST(reproduce, by_chance_alone_tells_hits_attempts_and_an_interval) {
  const outcome result = run({"reproduce", "--natural", "1", "--json"});
  const json document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  EXPECT_TRUE(result.err.empty()) << result;
  expect_a_tally(document.at("natural"));
  EXPECT_FALSE(document.contains("widened"));
  const bool hit = document.at("natural").at("hits") > 0;
  EXPECT_EQ(result.status, hit ? 0 : 1) << "1 says: not shown" << result;
}

// The document's figures by the formulas of Woolf, and of Haldane and Anscombe.
void expect_the_odds(const json& odds, double hits, double moments, const json& natural) {
  const double base_hits = natural.at("hits").get<double>();
  const double base_kills = natural.at("attempts").get<double>();
  const bool corrected = hits == 0 || hits == moments || base_hits == 0 || base_hits == base_kills;
  const double more = corrected ? 0.5 : 0;
  const double cells[] = {hits + more, moments - hits + more, base_hits + more,
                          base_kills - base_hits + more};
  double variance = 0;
  for (const double cell : cells)
    variance += 1 / cell;
  const double value = cells[0] / cells[1] / (cells[2] / cells[3]);
  const double factor = std::exp(1.959963984540054 * std::sqrt(variance));
  EXPECT_EQ(odds.at("corrected"), corrected) << odds;
  EXPECT_NEAR(odds.at("value").get<double>() / value, 1, 1e-6) << odds;
  EXPECT_NEAR(odds.at("bounds_95")[0].get<double>() * factor / value, 1, 1e-6) << odds;
  EXPECT_NEAR(odds.at("bounds_95")[1].get<double>() / factor / value, 1, 1e-6) << odds;
}

TEST(reproduce, with_raised_odds_tells_the_odds_ratio) {
  const outcome result = run({"reproduce", "--widen", "1", "--json"});
  EXPECT_EQ(result.status, 0) << result;
  const json document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  expect_a_tally(document.at("natural"));
  expect_a_tally(document.at("widened"));
  EXPECT_GT(document.at("widened").at("hits").get<unsigned>(), 0U) << result;
  const auto& natural = document.at("natural");
  const auto& widened = document.at("widened");
  const double hits = widened.at("hits").get<double>();
  expect_the_odds(document.at("odds_ratio"), hits, widened.at("attempts").get<double>(), natural);
  expect_the_odds(document.at("odds_ratio_per_stall"), hits, widened.at("stalls").get<double>(),
                  natural);
  EXPECT_GE(widened.at("stalls"), widened.at("hits")) << "a hit is a stall in the window";
  EXPECT_NE(document.at("odds_ratio").at("means"), document.at("odds_ratio_per_stall").at("means"));
}

TEST(reproduce, with_raised_odds_tells_people_what_each_ratio_means) {
  const outcome result = run({"reproduce", "--widen", "1"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_TRUE(result.out_has("\nper second: widened ")) << result;
  for (const char* ratio : {"\nper kill: odds ratio ", "\nper stall: odds ratio "})
    EXPECT_TRUE(result.out_has(ratio)) << result;
  EXPECT_TRUE(result.out_has("large by construction")) << result;
}

TEST(demo, ends_well_with_one_document) {
  const outcome result = run({"demo", "--json"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_TRUE(result.err.empty()) << result;
  const json document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  std::map<std::string, unsigned> corrupted, audited;
  std::map<std::string, std::size_t> violations;
  for (const auto& each : document.at("cases")) {
    corrupted[each.at("subject")] += each.at("verdicts").value("corrupted", 0U);
    unsigned judged = 0;
    for (const auto& count : each.at("verdicts"))
      judged += count.get<unsigned>();
    EXPECT_EQ(each.at("kill_points").get<unsigned>(), judged);
    audited[each.at("subject")] += judged;
    violations[each.at("subject")] += each.at("violations").size();
  }
  EXPECT_GT(corrupted["pthread-robust"], 0U);
  EXPECT_EQ(corrupted["pthread-normal"], 0U);
  for (const char* own : {"heirlock", "heirlock-asymmetric"}) {
    EXPECT_GT(audited[own], audited["pthread-robust"] / 2);
    EXPECT_EQ(violations[own], 0U) << own;
  }
}

TEST(command_line, every_verb_has_help_and_the_command_a_version) {
  const outcome whole = run({"--help"});
  EXPECT_EQ(whole.status, 0) << whole;
  for (const char* verb : {"demo", "reproduce", "audit"}) {
    EXPECT_TRUE(whole.out_has(verb)) << whole;
    const outcome help = run({verb, "--help"});
    EXPECT_EQ(help.status, 0) << help;
    EXPECT_TRUE(help.out_has("--json")) << help;
    EXPECT_TRUE(help.err.empty()) << help;
  }
  const outcome version = run({"--version"});
  EXPECT_EQ(version.status, 0) << version;
  EXPECT_EQ(version.out, HEIRLOCK_VERSION "\n");
}

// True when another user can reach the program and its directory.
bool nobody_can_run_it() {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      become_nobody();
    } catch (const std::exception&) {
      ::_exit(1);
    }
    ::_exit(::access(HEIRLOCK_PROGRAM, R_OK | X_OK) == 0 ? 0 : 1);
  }
  int raw = 0;
  return ::waitpid(child, &raw, 0) == child && WIFEXITED(raw) && WEXITSTATUS(raw) == 0;
}

TEST(unprivileged, audit_and_reproduce_work) {
  if (::geteuid() != 0) GTEST_SKIP() << "it is so already: this test does not run as root";
  if (!nobody_can_run_it())
    GTEST_SKIP() << "user 65534 cannot reach " << HEIRLOCK_PROGRAM << ": make its folders readable";
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"audit", "--subject", "pthread-robust", "--op", "unlock",
                                 "--scenario", "reuse-other-process"},
        {"reproduce"},
        {"reproduce", "--widen", "1"}}) {
    command as_nobody(arguments);
    ASSERT_EQ(::chmod(as_nobody.temporary().path().c_str(), 0777), 0);
    const outcome result = as_nobody.with(become_nobody).start().finish();
    EXPECT_EQ(result.status, arguments.front() == "audit" ? 1 : 0) << result;
    EXPECT_TRUE(result.out_has("corrupted")) << result;
  }
}

} // namespace
} // namespace heirlock::cli::test
