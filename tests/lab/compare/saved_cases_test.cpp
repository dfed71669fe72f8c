// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/saved_cases.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

class cases_in_a_file : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "heirlock-cases-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    file_ = folder_ / "state";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string content() const {
    std::ifstream in(file_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& content) const { std::ofstream(file_) << content; }
  // A file with the cases "a" and "b".
  std::string with_two_cases() const {
    saved_cases saved(file_, "here");
    saved.add("a", {{"ok", 1}});
    saved.add("b", {{"ok", 2}});
    return content();
  }
  // It is refused, and is as it was.
  void expect_refused(const std::string& surroundings) const {
    const std::string before = content();
    EXPECT_THROW(saved_cases(file_, surroundings), trouble);
    EXPECT_EQ(content(), before);
  }

  fs::path folder_;
  fs::path file_;
};

TEST_F(cases_in_a_file, are_known_to_the_next_comparison) {
  with_two_cases();
  saved_cases saved(file_, "here");
  ASSERT_NE(saved.find("b"), nullptr);
  EXPECT_EQ(*saved.find("b"), (ordered_json{{"ok", 2}}));
  EXPECT_EQ(saved.find("c"), nullptr);
  EXPECT_FALSE(saved.dropped_a_line());
}

TEST_F(cases_in_a_file, are_appended_and_what_is_there_is_not_written_again) {
  const std::string before = with_two_cases();
  saved_cases saved(file_, "here");
  saved.add("c", {{"ok", 3}});
  EXPECT_TRUE(content().starts_with(before)) << content();
  EXPECT_EQ(std::ranges::count(content(), '\n'), 4) << "the surroundings and three cases";
}

TEST_F(cases_in_a_file, are_whole_wherever_the_writer_was_killed) {
  const std::string whole = with_two_cases();
  const std::size_t behind_first_line = whole.find('\n') + 1;
  const std::size_t behind_a = whole.find('\n', behind_first_line) + 1;
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    SCOPED_TRACE(length);
    write(whole.substr(0, length));
    {
      saved_cases saved(file_, "here");
      EXPECT_EQ(saved.find("a") != nullptr, length >= behind_a);
      EXPECT_EQ(saved.find("b") != nullptr, length == whole.size());
      EXPECT_EQ(saved.dropped_a_line(),
                length > behind_first_line && length != behind_a && length != whole.size());
      for (const char* key : {"a", "b"})
        if (saved.find(key) == nullptr) saved.add(key, {{"ok", key[0] - 'a' + 1}});
    }
    EXPECT_EQ(content(), whole);
  }
}

TEST_F(cases_in_a_file, of_other_surroundings_are_refused) {
  with_two_cases();
  expect_refused("there");
}

TEST_F(cases_in_a_file, are_for_one_comparison_at_a_time) {
  const saved_cases first(file_, "here");
  expect_refused("here");
}

TEST_F(cases_in_a_file, are_not_taken_from_another_kind_of_file) {
  for (const char* other :
       {"a letter", "a letter\n", "{\"surroundings\":\"here\",\"cases\":{}}\n", "\n"}) {
    SCOPED_TRACE(other);
    write(other);
    expect_refused("here");
  }
  fs::remove(file_);
  write(with_two_cases() + "a letter\n");
  expect_refused("here");
}

TEST_F(cases_in_a_file, are_refused_before_any_work_where_they_cannot_be_written) {
  EXPECT_THROW(saved_cases(folder_, "here"), trouble);
  EXPECT_THROW(saved_cases(folder_ / "none" / "state", "here"), trouble);
  EXPECT_THROW(saved_cases("/dev/null", "here"), trouble);
}

TEST(cases_without_a_file, are_kept_for_this_comparison) {
  saved_cases saved({}, "here");
  saved.add("a", {{"ok", 1}});
  EXPECT_NE(saved.find("a"), nullptr);
}

} // namespace
} // namespace heirlock::lab
