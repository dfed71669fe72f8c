// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/replaced_file.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

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

TEST(replaced_file, reports_a_full_disk_and_leaves_nothing) {
  const fs::path full = "/dev/full";
  if (!fs::exists(full)) GTEST_SKIP() << "needs /dev/full";
  std::string name = fs::temp_directory_path() / "heirlock-replaced-XXXXXX";
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  const fs::path file = fs::path(name) / "report";
  fs::create_symlink(full,
                     file.string() + ".new"); // what is written beside the file meets a full disk
  EXPECT_THROW(replaced_file(file).replace_by("new"), trouble);
  EXPECT_FALSE(fs::exists(file));
  EXPECT_TRUE(fs::exists(full));
  fs::remove_all(name);
}

} // namespace
} // namespace heirlock::lab
