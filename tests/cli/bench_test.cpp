// SPDX-License-Identifier: Apache-2.0
// heirlock bench: what it prints, what it refuses, how it ends. No test asserts a time, or a ratio of times.
#include <csignal>
#include <set>

#include <gtest/gtest.h>

#include "tests/cli/command.hpp"

namespace heirlock::cli::test {
namespace {

void expect_figures(const nlohmann::json& figures, const std::set<std::string>& names) {
  std::set<std::string> found;
  for (const auto& [name, figure] : figures.items()) {
    found.insert(name);
    EXPECT_GT(figure.get<double>(), 0) << name;
  }
  EXPECT_EQ(found, names);
}

TEST(bench, tells_of_every_uncontended_rival_in_one_document) {
  const outcome result = run({"bench", "--quick", "--json", "--filter", "^uncontended/"});
  EXPECT_EQ(result.status, 0) << result;
  const auto document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  expect_figures(document.at("uncontended_ns"),
                 {"glibc-robust", "glibc-normal", "boost-interprocess", "ofd-file-lock",
                  "sysv-sem-undo", "heirlock", "heirlock-asymmetric", "heirlock-shared",
                  "heirlock-shared-asymmetric", "floor"});
  EXPECT_EQ(document.at("uncontended_ratio").at("glibc-robust").at("median"), 1.0);
  EXPECT_TRUE(document.at("contended_mops").empty()) << result;
  EXPECT_TRUE(document.at("recovery_us").empty()) << result;
}

TEST(bench, measures_the_baseline_with_what_was_chosen) {
  const outcome result = run({"bench", "--quick", "--json", "--filter",
                              "^(contended/2x50ns/(heirlock|plain-futex)|recovery/heirlock)$"});
  EXPECT_EQ(result.status, 0) << result;
  const auto document = result.json();
  ASSERT_FALSE(document.is_discarded()) << result;
  ASSERT_EQ(document.at("contended_mops").size(), 1u) << result;
  const auto& cell = document.at("contended_mops")[0];
  EXPECT_EQ(cell.at("processes"), 2);
  EXPECT_EQ(cell.at("section_ns"), 50);
  for (const char* const name : {"glibc-robust", "heirlock", "plain-futex"}) {
    EXPECT_GT(cell.at(name).get<double>(), 0) << name;
    EXPECT_EQ(cell.at("ratio").at(name).at("samples"), 3) << name;
    EXPECT_LE(cell.at("share").at(name).at("median").get<double>(), 1) << name;
  }
  expect_figures(document.at("recovery_us"), {"glibc-robust", "heirlock"});
}

TEST(bench, tells_what_grows_in_tables) {
  const outcome result = run({"bench", "--quick", "--filter", "^growth/.*/heirlock$"});
  EXPECT_EQ(result.status, 0) << result;
  for (const char* const row : {"| held, heirlock | 1 | 10000 |", "| domains, heirlock | 1 | 16 |",
                                "| dead-seats, heirlock | 0 | 500 |"})
    EXPECT_TRUE(result.out_has(row)) << row << result;
}

TEST(bench, lists_what_the_filter_leaves) {
  const outcome result = run({"bench", "--list", "--filter", "recovery/heirlock"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.out,
            "recovery/heirlock\nrecovery/heirlock-asymmetric\nrecovery/heirlock-shared\n");
}

// It was plain text.
TEST(bench, lists_as_a_document_too) {
  const outcome result = run({"bench", "--list", "--json", "--filter", "recovery/heirlock-"});
  EXPECT_EQ(result.status, 0) << result;
  EXPECT_EQ(result.json(), nlohmann::json::parse(R"(
    {"measurements": ["recovery/heirlock-asymmetric", "recovery/heirlock-shared"]})"))
      << result;
}

TEST(bench, refuses_a_filter_that_fits_nothing_and_one_that_is_none) {
  for (const char* const filter : {"no-such-lock", "["}) {
    const outcome result = run({"bench", "--filter", filter});
    EXPECT_EQ(result.status, 2) << result;
    EXPECT_TRUE(result.out.empty()) << result;
    EXPECT_TRUE(result.err_has(filter)) << result;
  }
  EXPECT_TRUE(run({"bench", "--filter", "no-such-lock"}).err_has("heirlock bench --list"));
}

TEST(bench, ends_in_order_at_ctrl_c) {
  command bench({"bench", "--filter", "contended/8x50ns"});
  bench.start();
  ASSERT_TRUE(bench.has_started_processes(2));
  bench.send(SIGINT);
  const outcome result = bench.finish();
  EXPECT_EQ(result.status, 2) << result;
  EXPECT_TRUE(result.err_has("interrupted")) << result;
  EXPECT_TRUE(result.out.empty()) << result;
}

} // namespace
} // namespace heirlock::cli::test
