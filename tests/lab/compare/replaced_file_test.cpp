// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/replaced_file.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <csignal>

#include <iterator>
#include <string>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

namespace fs = std::filesystem;

class replaced_file_in_a_folder : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "heirlock-replaced-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    file_ = folder_ / "report";
    std::ofstream(file_) << "old";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string content() const {
    std::ifstream in(file_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }

  fs::path folder_;
  fs::path file_;
};

TEST_F(replaced_file_in_a_folder, has_the_new_content_and_leaves_nothing_beside_it) {
  replaced_file(file_).replace_by("new");
  EXPECT_EQ(content(), "new");
  EXPECT_EQ(files(), 1);
}

TEST_F(replaced_file_in_a_folder, keeps_the_old_content_when_the_work_fails) {
  { const replaced_file unused(file_); }
  EXPECT_EQ(content(), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(replaced_file_in_a_folder, leaves_a_file_alone_that_another_has_put_beside_it) {
  const fs::path other = file_.string() + ".new";
  std::ofstream(other) << "another's";
  replaced_file(file_).replace_by("new");
  std::ifstream in(other);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "another's");
}

TEST_F(replaced_file_in_a_folder, leaves_a_link_to_it_a_link) {
  const fs::path link = folder_ / "link";
  fs::create_symlink(file_, link);
  replaced_file(link).replace_by("new");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(content(), "new");
}

TEST_F(replaced_file_in_a_folder, refuses_what_is_no_regular_file_and_what_cannot_be_written) {
  EXPECT_THROW(replaced_file{folder_}, trouble);
  EXPECT_THROW(replaced_file{"/dev/null"}, trouble);
  EXPECT_THROW(replaced_file{folder_ / "missing" / "report"}, trouble);
  EXPECT_TRUE(fs::exists("/dev/null"));
}

// A limit of its own stands for the full disk.
TEST_F(replaced_file_in_a_folder, reports_what_cannot_be_written_any_more_and_leaves_nothing) {
  fs::remove(file_);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto told_of_it = signal(SIGXFSZ, SIG_IGN);
  const rlimit nothing = {0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &nothing), 0);
  EXPECT_THROW(replaced_file(file_).replace_by("new"), trouble);
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, told_of_it);
  EXPECT_FALSE(fs::exists(file_));
  EXPECT_EQ(files(), 0);
}

} // namespace
} // namespace heirlock::lab
