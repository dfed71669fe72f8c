// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/matrix.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace heirlock::lab {
namespace {

using nlohmann::ordered_json;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> found;
  for (std::string line; std::getline(in, line);)
    found.push_back(line);
  return found;
}

ordered_json document(const char* subject, const char* policy, const char* scenario,
                      const ordered_json& verdicts) {
  return {{"subject", subject}, {"policy", policy}, {"scenario", scenario}, {"verdicts", verdicts}};
}

const ordered_json few = {
    document("classic", "stock", "reuse-other-process", {{"ok", 25}, {"corrupted", 3}}),
    document("classic", "stock", "reuse-other-process", {{"stuck", 2}, {"corrupted", 4}}),
    document("classic", "stock", "oom-kill", {{"owner lost", 9}}),
    document("classic", "oom-spare", "oom-kill", {{"modelled", 9}}),
    document("other", "stock", "reuse-other-process", {{"ok", 40}}),
};

TEST(comparison_matrix,
     says_in_each_cell_ok_or_what_is_wrong_at_how_many_kill_points_of_all_operations) {
  EXPECT_EQ(matrix_text(few, 80), "                   reuse-\n"
                                  "                   other-\n"
                                  "                   process      oom-kill\n"
                                  "classic            7 corrupted  9 owner lost\n"
                                  "                   2 stuck\n"
                                  "classic            -            modelled\n"
                                  "  under oom-spare\n"
                                  "other              ok           -\n");
}

TEST(comparison_matrix, has_no_line_that_is_longer_than_the_terminal_where_one_scenario_fits) {
  ordered_json many = ordered_json::array();
  const std::vector<std::string> scenarios = {"killed-while-locking", "unmapped-while-held",
                                              "recursive-tid-reuse", "waiter-asleep", "list-32"};
  for (const char* subject : {"cleanup-robust-list-user", "unmatchable-tid-errorcheck"})
    for (const std::string& scenario : scenarios)
      many.push_back(document(subject, "stock", scenario.c_str(), {{"lost wake-up", 128}}));
  for (const std::size_t columns : {50U, 80U, 120U, 1000U}) {
    const std::string text = matrix_text(many, columns);
    std::size_t cells = 0;
    for (const std::string& line : lines_of(text)) {
      EXPECT_LE(line.size(), columns) << line;
      for (std::size_t at = 0; (at = line.find("128 lost wake-up", at)) != std::string::npos; ++at)
        ++cells;
    }
    EXPECT_EQ(cells, 2 * scenarios.size()) << text;
  }
  EXPECT_EQ(lines_of(matrix_text(many, 1000)).size(), 2U + 2U) << "one table where all fit";
}

TEST(comparison_matrix, marks_an_ok_that_says_little_and_tells_why) {
  ordered_json cases = ordered_json::array();
  const auto add = [&](const char* subject, const char* op, const ordered_json& verdicts,
                       const ordered_json& missing) {
    cases.push_back(document(subject, "stock", "owner-killed", verdicts));
    cases.back()["op"] = op;
    cases.back()["premise_missing"] = missing;
  };
  const ordered_json nobody = {"nobody died owning the lock"};
  add("classic", "lock", {{"ok", 25}}, ordered_json::array());
  add("classic", "trylock-contended", {{"ok", 25}}, nobody);
  add("sound", "trylock-contended", {{"ok", 25}}, ordered_json::array());
  add("broken", "lock", {{"owner lost", 1}}, ordered_json::array());
  add("broken", "trylock-contended", {{"ok", 25}}, nobody);
  EXPECT_EQ(matrix_text(cases, 80), "         owner-killed\n"
                                    "classic  ok*\n"
                                    "sound    ok\n"
                                    "broken   1 owner lost\n");
  EXPECT_EQ(missing_premises_text(cases),
            "* nobody died owning the lock, so that of that ok says nothing, in owner-killed "
            "trylock-contended (1 of 3 rows)\n");
  EXPECT_EQ(missing_premises_text(few), "");
}

TEST(comparison_matrix, shows_one_scenario_in_a_table_where_not_even_that_fits) {
  EXPECT_EQ(lines_of(matrix_text(few, 1)).size(), lines_of(matrix_text(few, 32)).size());
  EXPECT_NE(matrix_text(few, 1).find("9 owner lost"), std::string::npos);
}

} // namespace
} // namespace heirlock::lab
