// SPDX-License-Identifier: Apache-2.0
//
// What the options of a domain mean, which of them exclude each other, and what is told of a domain.
#include "tests/core/domain_support.hpp"

#include "src/core/domain.hpp"

#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>

namespace heirlock::test {
namespace {

struct stat status_of(const char* path) {
  struct stat status {};
  EXPECT_EQ(stat(path, &status), 0) << path;
  return status;
}

TEST(DomainOptionsTest, ThatExcludeEachOtherAreRefused) {
  const path_for_test path;
  EXPECT_TRUE(says(refusal(path.options().must_exist().must_create()), "exclude each other"));
  heirlock_error_t error;
  heirlock_domain_t* opened = nullptr;
  heirlock_domain_options_t both = HEIRLOCK_DOMAIN_OPTIONS_INIT;
  both.name = path.c_str();
  both.descriptor = heirlock_domain_memfd(nullptr);
  EXPECT_EQ(heirlock_domain_open(&both, &opened, &error), EINVAL);
  EXPECT_TRUE(says(error.text, "by name or by descriptor"));
  both.name = nullptr;
  both.flags = HEIRLOCK_DOMAIN_GROUP;
  EXPECT_EQ(heirlock_domain_open(&both, &opened, &error), EINVAL);
  EXPECT_TRUE(says(error.text, "a group makes no sense"));
  close(both.descriptor);
  EXPECT_EQ(opened, nullptr);
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "a refused one was made";
}

TEST(DomainOptionsTest, AShortNameIsThatOfAFileInDevShm) {
  const std::string name = "test-" + std::to_string(getpid());
  const std::string path = "/dev/shm/heirlock." + name;
  unlink(path.c_str());
  EXPECT_EQ(refusal(domain_options(name.c_str()).threads(8).must_create()), "");
  EXPECT_EQ(refusal(domain_options(path.c_str()).threads(8).must_exist()), "");
  unlink(path.c_str());
}

TEST(DomainOptionsTest, ALongNameIsRefusedAndNotCut) {
  for (const std::size_t length : {core::longest_path, core::longest_path + 1, std::size_t{1000}}) {
    const std::string absolute = "/dev/shm/" + std::string(length - strlen("/dev/shm/"), 'x');
    EXPECT_TRUE(
        says(refusal(domain_options(absolute.c_str()).must_exist()), "choose a shorter name"))
        << length;
    const std::string name(length, 'x');
    EXPECT_TRUE(says(refusal(domain_options(name.c_str()).must_exist()), "choose a shorter name"))
        << length;
  }
}

TEST(DomainOptionsTest, TheUsersOwnDomainHasTheUsersNumberInItsName) {
  child asks([] {
    unsetenv("HEIRLOCK_DOMAIN");
    const std::string path = "/dev/shm/heirlock-" + std::to_string(geteuid());
    const bool exists = access(path.c_str(), F_OK) == 0; // it is not made for a test
    try {
      const domain mine = domain::open(domain_options().must_exist());
      return exists && mine.native_handle()->path == path ? 0 : 1;
    } catch (const domain_error& error) {
      return !exists && says(error.what(), ("no domain " + path + ":").c_str()) ? 0 : 2;
    }
  });
  EXPECT_EQ(asks.ended(), 0);
}

TEST(DomainOptionsTest, ThePermissionsAreNotTheUmasks) {
  const path_for_test own, groups;
  child maker([&] {
    umask(0777);
    return refusal(own.options()).empty() && refusal(groups.options().group(getegid())).empty() ? 0
                                                                                                : 1;
  });
  EXPECT_EQ(maker.ended(), 0);
  EXPECT_EQ(status_of(own.c_str()).st_mode & 07777u, 0600u);
  EXPECT_EQ(status_of(groups.c_str()).st_mode & 07777u, 0660u);
}

TEST(DomainOptionsTest, ADomainOfAGroupIsGivenToItAndOpenedByItsOtherMembers) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root for a second user and a group of its own";
  constexpr gid_t group = 12345;
  constexpr uid_t somebody = 54321;
  const path_for_test path;
  ASSERT_EQ(refusal(path.options().group(group)), "");
  EXPECT_EQ(status_of(path.c_str()).st_gid, group);
  child member([&] {
    if (setgid(group) != 0 || setuid(somebody) != 0) return 1;
    return refusal(path.options().group(group).must_exist()).empty() ? 0 : 2;
  });
  EXPECT_EQ(member.ended(), 0);
  child stranger([&] {
    if (setgid(group + 1) != 0 || setuid(somebody) != 0) return 1;
    return says(refusal(path.options().group(group)), "Permission denied") ? 0 : 2;
  });
  EXPECT_EQ(stranger.ended(), 0);
}

TEST(DomainOptionsTest, ADomainOfTheOtherUnlockModeIsRefused) {
  const path_for_test path;
  ASSERT_EQ(refusal(path.options().unlock(unlock_mode::asymmetric)), "");
  EXPECT_TRUE(says(refusal(path.options().unlock(unlock_mode::rmw)), "asymmetric unlock mode"));
  EXPECT_EQ(refusal(path.options().unlock(unlock_mode::asymmetric)), "");
  EXPECT_EQ(refusal(path.options()), "") << "any";
}

TEST(DomainOptionsTest, ABackstopThatDoesNotFitIsTheNearestThatDoes) {
  using std::chrono::milliseconds;
  constexpr std::uint32_t longest = ~std::uint32_t{0};
  const auto stored = [](milliseconds trust) {
    const heirlock_domain_options_t raw = domain_options().backstop(trust).raw();
    EXPECT_EQ(raw.flags, std::uint32_t{HEIRLOCK_DOMAIN_BACKSTOP});
    return raw.backstop_ms;
  };
  EXPECT_EQ(stored(0ms), 0u) << "none";
  EXPECT_EQ(stored(1ms), 1u);
  EXPECT_EQ(stored(-1ms), 1u) << "not without end";
  EXPECT_EQ(stored(milliseconds::min()), 1u);
  EXPECT_EQ(stored(milliseconds(longest)), longest);
  EXPECT_EQ(stored(milliseconds(std::int64_t{longest} + 1)), longest) << "not 0, without end";
  EXPECT_EQ(stored(milliseconds(std::int64_t{longest} + 2)), longest) << "not 1 ms";
  EXPECT_EQ(stored(std::chrono::hours(24 * 365)), longest);
  EXPECT_EQ(stored(milliseconds::max()), longest);

  const path_for_test path;
  const own_domain where(domain::open(path.options().backstop(milliseconds::max())));
  EXPECT_EQ(where.inspect().backstop_ms, longest);
}

TEST(DomainOptionsTest, WhatTheyAskedForIsTold) {
  for (const unlock_mode mode : {unlock_mode::rmw, unlock_mode::asymmetric}) {
    const own_domain given = nameless(mode, 7, 123ms);
    EXPECT_EQ(given.inspect().unlock_mode, static_cast<std::uint32_t>(mode));
    EXPECT_EQ(given.inspect().threads, 7u);
    EXPECT_EQ(given.inspect().backstop_ms, 123u);
  }
  const path_for_test path;
  const own_domain plain(domain::open(path.options()));
  EXPECT_EQ(plain.inspect().backstop_ms, 1000u) << "if nothing was asked for";
  EXPECT_EQ(plain.inspect().unlock_mode, std::uint32_t{HEIRLOCK_UNLOCK_RMW});
}

TEST(DomainOptionsTest, WhatHappenedIsCounted) {
  const own_domain where = nameless();
  shared<heirlock::mutex> lock(where);
  for (int i = 0; i < 3; ++i) {
    where.attach_thread();
    where.detach_thread();
  }
  where.attach_thread();
  const heirlock_domain_info_t at_first = where.inspect();
  EXPECT_EQ(at_first.claims, 4u);
  EXPECT_EQ(at_first.detaches, 3u);
  EXPECT_EQ(at_first.threads_alive, 1u);
  EXPECT_EQ(at_first.head_sleeps + at_first.follower_sleeps + at_first.owner_deaths, 0u);
  lock->lock();
  child head([&] { return lock->acquire() ? pause() : 1; });
  ASSERT_TRUE(head.falls_asleep());
  child follower([&] { return lock->acquire().needs_repair() ? pause() : 1; });
  ASSERT_TRUE(follower.falls_asleep());
  EXPECT_EQ(where.inspect().head_sleeps, 1u);
  EXPECT_EQ(where.inspect().follower_sleeps, 1u);
  EXPECT_EQ(where.inspect().slow_locks, 2u);
  EXPECT_EQ(where.inspect().threads_alive, 3u);

  heirlock_domain_info_t info = {};
  for (const std::size_t size : {sizeof info - 8, sizeof info + 8, std::size_t{0}}) {
    info.struct_size = static_cast<std::uint32_t>(size);
    EXPECT_EQ(heirlock_domain_inspect(where.native_handle(), &info), EINVAL) << size;
    EXPECT_EQ(info.threads, 0u) << "written into what has another size";
  }
  lock->unlock();
}

// What the kernel says of this process.
std::size_t entries_of(const char* directory) {
  std::size_t count = 0;
  DIR* const open = opendir(directory);
  if (open == nullptr) return 0;
  while (readdir(open) != nullptr)
    ++count;
  closedir(open);
  return count;
}
std::size_t mappings_with(const char* text) {
  std::size_t count = 0;
  FILE* const file = fopen("/proc/self/maps", "re");
  char line[512];
  while (file != nullptr && fgets(line, sizeof line, file) != nullptr)
    if (strstr(line, text) != nullptr) ++count;
  if (file != nullptr) fclose(file);
  return count;
}

TEST(DomainOptionsTest, ClosingLeavesNothingBehind) {
  const path_for_test path;
  ASSERT_EQ(refusal(path.options()),
            ""); // of its maker's mapping the kernel does not show the name
  const std::size_t descriptors = entries_of("/proc/self/fd");
  for (int i = 0; i < 3; ++i) {
    domain opened = domain::open(path.options());
    opened.attach_thread();
    EXPECT_GE(mappings_with(path.c_str()), 2u) << "the domain, and the page that holds the lock";
    opened.detach_thread();
    opened.close();
    EXPECT_EQ(entries_of("/proc/self/fd"), descriptors);
    EXPECT_EQ(mappings_with(path.c_str()), 0u);
  }
}

TEST(DomainOptionsTest, ClosingClosesNoDescriptorOfTheApplication) {
  const path_for_test path;
  domain opened = domain::open(path.options());
  const int other = heirlock_domain_memfd(nullptr);
  const int number = opened.native_handle()->descriptor;
  ASSERT_EQ(dup2(other, number), number) << "the application closes it, and gets the number";
  opened.close();
  EXPECT_GE(fcntl(number, F_GETFD), 0);
  close(number);
  close(other);
}

TEST(DomainOptionsTest, AnotherProcesssSeatDoesNotKeepItOpen) {
  own_domain where = nameless();
  shared<heirlock::mutex> lock(where);
  child other([&] { return lock->acquire() ? pause() : 1; });
  ASSERT_TRUE(other.sleeps_in(SYS_pause));
  where.attach_thread();
  EXPECT_THROW(where.close(), domain_error);
  where.detach_thread();
  EXPECT_NO_THROW(where.close());
}

TEST(DomainOptionsTest, ACopyOfAnAttachedDomainIsRefused) {
  const path_for_test path, copy;
  const own_domain first(domain::open(path.options()));
  const int from = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int to = open(copy.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  std::string bytes(core::domain_size(8), '\0');
  ASSERT_EQ(pread(from, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  ASSERT_EQ(pwrite(to, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  close(from);
  close(to);
  EXPECT_TRUE(says(refusal(copy.options()), "copy of a domain"));
}

} // namespace
} // namespace heirlock::test
