// SPDX-License-Identifier: Apache-2.0
// heirlock compare: which rows it has.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>

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

} // namespace
} // namespace heirlock::cli::test
