// SPDX-License-Identifier: Apache-2.0
#include "lab/process/memory_cgroup.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

using version = memory_hierarchy::version;
using std::filesystem::path;

constexpr const char* mounts_of_version_one =
    "30 24 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "31 30 0:27 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu\n"
    "34 30 0:30 / /sys/fs/cgroup/memory rw shared:12 - cgroup cgroup rw,memory\n"
    "35 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
constexpr const char* member_of_version_one = "5:cpu:/a\n4:memory:/jobs/7\n0::/\n";

TEST(MemoryHierarchy, IsFoundWhereAVersionOneMountHasTheController) {
  const auto found = find_memory_hierarchy(mounts_of_version_one, member_of_version_one);
  EXPECT_EQ(found.kind, version::one);
  EXPECT_EQ(found.own, path("/sys/fs/cgroup/memory/jobs/7"));
  EXPECT_EQ(parent_of_new_groups(found), found.own);
}

TEST(MemoryHierarchy, IsThatOfVersionTwoWhereNoOtherHasTheController) {
  const auto found = find_memory_hierarchy(
      "28 24 0:24 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
      "0::/user.slice/session-2.scope\n");
  EXPECT_EQ(found.kind, version::two);
  EXPECT_EQ(found.own, path("/sys/fs/cgroup/user.slice/session-2.scope"));
}

TEST(MemoryHierarchy, OfAContainerBeginsAtTheRootOfItsMount) {
  const auto found = find_memory_hierarchy(
      "34 30 0:30 /docker/1f /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
      "4:memory:/docker/1f/inner\n");
  EXPECT_EQ(found.own, path("/sys/fs/cgroup/memory/inner"));
}

TEST(MemoryHierarchy, ThatIsMissingIsTrouble) {
  EXPECT_THROW(find_memory_hierarchy("31 30 0:27 / /cpu rw - cgroup cgroup rw,cpu\n",
                                     "5:cpu:/\n4:memory:/\n"),
               trouble);
  EXPECT_THROW(find_memory_hierarchy("", ""), trouble);
}

class MemoryHierarchyOfVersionTwo : public testing::Test {
 protected:
  MemoryHierarchyOfVersionTwo() {
    std::string name = testing::TempDir() + "heirlock-groups-XXXXXX";
    root_ = mkdtemp(name.data());
    own_ = root_ / "slice" / "scope";
    std::filesystem::create_directories(own_);
  }
  ~MemoryHierarchyOfVersionTwo() override { std::filesystem::remove_all(root_); }

  static void hands_on(const path& group, const char* controllers) {
    std::ofstream(group / "cgroup.subtree_control") << controllers;
  }

  path root_;
  path own_;
};

TEST_F(MemoryHierarchyOfVersionTwo, MakesGroupsWhereTheControllerIsHandedOn) {
  hands_on(root_, "cpu memory pids\n");
  hands_on(root_ / "slice", "memory\n");
  hands_on(own_, "\n");
  EXPECT_EQ(parent_of_new_groups({version::two, own_}), root_ / "slice");
  hands_on(root_ / "slice", "cpu pids\n");
  EXPECT_EQ(parent_of_new_groups({version::two, own_}), root_);
}

TEST_F(MemoryHierarchyOfVersionTwo, SaysSoWhereNobodyHandsItOn) {
  for (const path& group : {root_, root_ / "slice", own_})
    hands_on(group, "cpu\n");
  EXPECT_THROW(parent_of_new_groups({version::two, own_}), trouble);
}

TEST(MemoryCgroup, IsGoneWithItsObjectAndSoIsThatOfADeadPredecessor) {
  if (const std::string lacks = why_no_oom_kill(); !lacks.empty()) GTEST_SKIP() << lacks;
  const path parent = parent_of_new_groups(find_memory_hierarchy(
      [] {
        std::ifstream in("/proc/self/mountinfo");
        return std::string(std::istreambuf_iterator<char>(in), {});
      }(),
      [] {
        std::ifstream in("/proc/self/cgroup");
        return std::string(std::istreambuf_iterator<char>(in), {});
      }()));
  const auto groups_of = [&](pid_t maker) {
    unsigned count = 0;
    const std::string begin = "heirlock-oom-kill." + std::to_string(maker) + ".";
    for (const auto& entry : std::filesystem::directory_iterator(parent))
      count += entry.path().filename().string().starts_with(begin);
    return count;
  };
  const pid_t killed = fork();
  if (killed == 0) {
    const memory_cgroup left_behind;
    _exit(0);
  }
  ASSERT_EQ(waitpid(killed, nullptr, 0), killed);
  EXPECT_EQ(groups_of(killed), 1u);
  {
    const memory_cgroup group;
    EXPECT_EQ(groups_of(getpid()), 1u);
    EXPECT_EQ(groups_of(killed), 0u);
    EXPECT_EQ(group.oom_kills(), 0u);
  }
  EXPECT_EQ(groups_of(getpid()), 0u);
}

} // namespace
} // namespace heirlock::lab
