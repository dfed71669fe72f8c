// SPDX-License-Identifier: Apache-2.0
#include "tests/core/domain_support.hpp"

#include "src/core/domain.hpp"

#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <thread>
#include <vector>

namespace heirlock::test {
namespace {

template <class Change>
void change_header(const char* path, Change change) {
  const int file = open(path, O_RDWR | O_CLOEXEC);
  ASSERT_GE(file, 0);
  void* memory = mmap(nullptr, core::header_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ASSERT_NE(memory, MAP_FAILED);
  change(*static_cast<core::domain_header*>(memory));
  munmap(memory, core::header_size);
  close(file);
}

TEST(DomainTest, TwentyProcessesThatRaceToMakeItGetTheSame) {
  const path_for_test path;
  struct answers {
    std::atomic<int> ready;
    std::atomic<std::uint32_t> ids[20];
  };
  shared<answers> got;
  std::vector<std::unique_ptr<child>> racers;
  racers.reserve(20);
  for (int i = 0; i < 20; ++i)
    racers.push_back(std::make_unique<child>([&, i] {
      ++got->ready;
      while (got->ready.load() < 20)
        usleep(50);
      const domain where = domain::open(path.options());
      where.attach_thread();
      got->ids[i] = where.inspect().id;
      return 0;
    }));
  for (auto& racer : racers)
    ASSERT_EQ(racer->ended(), 0);
  for (int i = 1; i < 20; ++i)
    EXPECT_EQ(got->ids[i].load(), got->ids[0].load());
}

TEST(DomainTest, AMakerThatIsKilledAnywhereLeavesNothingHalfMade) {
  const path_for_test path;
  int made = 0, not_made = 0;
  for (unsigned delay = 0; delay < 3000; delay += 20) {
    unlink(path.c_str());
    {
      child maker([&] {
        domain::open(path.options().threads(512));
        return pause();
      });
      usleep(delay); // the random moment of the kill
      maker.kill_now();
    }
    (access(path.c_str(), F_OK) == 0 ? made : not_made)++;
    ASSERT_EQ(refusal(path.options().threads(512)), "");
  }
  EXPECT_GT(made, 0);
  EXPECT_GT(not_made, 0);
}

TEST(DomainTest, RefusesWhatItMustNotTrustAndSaysWhatToDo) {
  const path_for_test path;
  ASSERT_EQ(refusal(path.options()), "");

  const path_for_test link;
  ASSERT_EQ(symlink(path.c_str(), link.c_str()), 0);
  EXPECT_TRUE(says(refusal(link.options()), "symbolic link: remove it"));

  chmod(path.c_str(), 0644);
  EXPECT_TRUE(says(refusal(path.options()), "mode 0644, a private domain has 0600"));
  chmod(path.c_str(), 0600);

  EXPECT_TRUE(says(refusal(path.options().threads(9)), "room for 8 threads, not for 9"));
  EXPECT_TRUE(says(refusal(path.options().unlock(unlock_mode::asymmetric)), "RMW unlock mode"));
  EXPECT_TRUE(says(refusal(path.options().must_create()), "exists: remove it or attach"));
  EXPECT_TRUE(says(refusal(domain_options("").threads(8)), "no name for a domain"));
  EXPECT_TRUE(says(refusal(domain_options("a/b")), "no name for a domain"));
  EXPECT_TRUE(
      says(refusal(domain_options("absent-for-certain").must_exist()), "there is no domain"));
  EXPECT_TRUE(says(refusal(domain_options("x").threads(5000)), "at most 4095 threads"));
  EXPECT_TRUE(says(refusal(domain_options("/proc/heirlock")), "cannot make a file in /proc/"));
  EXPECT_TRUE(says(refusal(domain_options("/dev/null")), "no regular file"));

  change_header(path.c_str(), [](core::domain_header& header) { header.version += 1; });
  EXPECT_TRUE(says(refusal(path.options()), "layout version 2, this library has 1"));
  change_header(path.c_str(), [](core::domain_header& header) { header.version -= 1; });

  change_header(path.c_str(), [](core::domain_header& header) { header.libc = 2; });
  EXPECT_TRUE(says(refusal(path.options()), "programs on musl, this one runs on glibc"));
  change_header(path.c_str(), [](core::domain_header& header) { header.libc = 1; });

  change_header(path.c_str(),
                [](core::domain_header& header) { header.libc_lock_word_offset += 4; });
  EXPECT_TRUE(says(refusal(path.options()), "whose mutexes differ"));
  change_header(path.c_str(),
                [](core::domain_header& header) { header.libc_lock_word_offset -= 4; });

  change_header(path.c_str(), [](core::domain_header& header) { header.seat_size += 64; });
  EXPECT_TRUE(says(refusal(path.options()), "size does not fit"));
  change_header(path.c_str(), [](core::domain_header& header) { header.seat_size -= 64; });
  EXPECT_EQ(refusal(path.options()), "");

  change_header(path.c_str(), [](core::domain_header& header) { header.pointer_size = 4; });
  EXPECT_TRUE(says(refusal(path.options()), "32-bit programs, this one has 64 bits"));
  change_header(path.c_str(), [](core::domain_header& header) { header.pointer_size = 8; });

  change_header(path.c_str(), [](core::domain_header& header) { header.seat_count = 7; });
  EXPECT_TRUE(says(refusal(path.options().threads(0)), "size does not fit"));
  change_header(path.c_str(), [](core::domain_header& header) { header.seat_count = 8; });

  change_header(path.c_str(), [](core::domain_header& header) { header.magic = 1; });
  EXPECT_TRUE(says(refusal(path.options()), "is no domain"));
  ASSERT_EQ(truncate(path.c_str(), 100), 0);
  EXPECT_TRUE(says(refusal(path.options()), "has 100 bytes and is no domain"));
}

TEST(DomainTest, RefusesAForeignOwner) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to make a file of another user";
  const path_for_test path;
  ASSERT_EQ(refusal(path.options()), "");
  ASSERT_EQ(chown(path.c_str(), 65534, 0), 0);
  EXPECT_TRUE(says(refusal(path.options()), "belongs to user 65534"));
}

TEST(DomainTest, AGroupSharesADomainByExplicitChoiceOnly) {
  const path_for_test path;
  ASSERT_EQ(refusal(path.options().group(getegid())), "");
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0660u);
  EXPECT_EQ(status.st_gid, getegid());
  EXPECT_TRUE(says(refusal(path.options()), "mode 0660, a private domain has 0600"));
  EXPECT_TRUE(says(refusal(path.options().group(getegid() + 1)), "belongs to group"));
}

TEST(DomainTest, TheDefaultOneIsFoundByItself) {
  const path_for_test path;
  child user([&] {
    setenv("HEIRLOCK_DOMAIN", path.c_str(), 1);
    heirlock::mutex lock;
    const bool works = static_cast<bool>(lock.acquire());
    return works && domain::of_user().inspect().threads == 1024 ? 0 : 1;
  });
  EXPECT_EQ(user.ended(), 0);
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_LE(status.st_size, 1536 * 1024);
  EXPECT_EQ(status.st_mode & 07777u, 0600u);
}

TEST(DomainTest, GoesOnWhenItsNameIsRemovedUnderRunningProcesses) {
  const path_for_test path;
  shared<std::atomic<bool>> removed;
  const own_domain where(domain::open(path.options().backstop(0ms)));
  shared<heirlock::mutex> lock(where);
  child user([&] {
    while (!removed->load())
      usleep(100);
    auto got = lock->acquire(); // its first claim: the file is opened through the descriptor
    return got ? pause() : 1;
  });
  ASSERT_EQ(unlink(path.c_str()), 0);
  *removed = true;
  ASSERT_TRUE(user.sleeps_in(SYS_pause));
  user.kill_now();
  EXPECT_TRUE(lock->acquire().needs_repair());

  // Who comes now gets a new one, with a new id, and mistakes nothing of the old one for its own.
  child newcomer([&] {
    const domain other = domain::open(path.options().must_create());
    return other.inspect().id != where.inspect().id ? 0 : 1;
  });
  EXPECT_EQ(newcomer.ended(), 0);
}

TEST(DomainTest, AClaimSaysWhenTheFileCannotBeReachedAnyMore) {
  const path_for_test path;
  child user([&] {
    const domain where = domain::open(path.options());
    unlink(path.c_str());
    syscall(SYS_close_range, 3u, ~0u, 0u);
    try {
      where.attach_thread();
      return 1;
    } catch (const domain_error& error) {
      return error.code().value() == ENOENT || error.code().value() == ESTALE ? 0 : 2;
    }
  });
  EXPECT_EQ(user.ended(), 0);
}

TEST(DomainTest, AFullDomainSaysSoAndHasRoomAgainWhenItsThreadsDie) {
  const own_domain where = nameless(unlock_mode::rmw, 3);
  shared<heirlock::mutex> lock(where);
  std::vector<std::unique_ptr<child>> users;
  for (int i = 0; i < 3; ++i) {
    users.push_back(std::make_unique<child>([&] {
      where.attach_thread();
      return pause();
    }));
    ASSERT_TRUE(users.back()->sleeps_in(SYS_pause));
  }
  EXPECT_EQ(lock->acquire().status(), status::domain_full);
  EXPECT_EQ(lock->try_acquire().status(), status::domain_full);
  EXPECT_EQ(where.inspect().threads_alive, 3u);
  users[1]->kill_now();
  EXPECT_TRUE(lock->acquire());
}

TEST(DomainTest, AProcessAttachesToTheSameDomainOnceAndToALimitedNumber) {
  const path_for_test path;
  domain first = domain::open(path.options());
  EXPECT_EQ(first.native_handle(), domain::open(path.options()).native_handle());
  first.close();
  std::vector<std::unique_ptr<own_domain>> others;
  for (std::size_t i = 0; i < detail::max_domains; ++i)
    others.emplace_back(new own_domain(nameless()));
  EXPECT_TRUE(says(refusal(path.options()), "at most 16 domains: close one"));
}

TEST(DomainTest, IsNotClosedUnderAThreadThatHasASeat) {
  own_domain where = nameless();
  where.attach_thread();
  EXPECT_THROW(where.close(), domain_error);
  where.detach_thread();
  EXPECT_NO_THROW(where.close());
}

// After 2^32 processes. The counter is set back; the number that comes next is that of a living process.
TEST(DomainTest, ANumberOfALivingProcessIsPassedOverAndNotWaitedFor) {
  const own_domain where = nameless();
  where.attach_thread();
  core::domain_header& header = *where.native_handle()->header.load();
  const std::uint32_t mine = where.native_handle()->process;
  header.processes = mine - 1;
  child other([&] {
    where.attach_thread();
    return where.native_handle()->process == mine + 1 ? 0 : 1;
  });
  EXPECT_EQ(other.ended(), 0);
  header.processes = ~std::uint32_t{0};
  child last([&] {
    where.attach_thread();
    return where.native_handle()->process != 0 && where.native_handle()->process != mine ? 0 : 1;
  });
  EXPECT_EQ(last.ended(), 0);
}

TEST(DomainTest, SeatsOfAnEarlierBootAreDead) {
  const path_for_test path;
  struct room {
    alignas(16) unsigned char bytes[sizeof(heirlock::mutex)];
  };
  shared<room> saved;
  shared<std::atomic<bool>> ready;
  child owner([&] {
    const domain where = domain::open(path.options().backstop(0ms));
    auto* lock = new (saved->bytes) heirlock::mutex(where);
    lock->lock();
    *ready = true;
    return pause();
  });
  ASSERT_TRUE(eventually([&] { return ready->load(); }));
  // What a power failure leaves: the file as it is, and nobody to mark anything.
  change_header(path.c_str(), [](core::domain_header& header) { header.boot_id[0] = 'x'; });
  const own_domain again(domain::open(path.options()));
  auto& lock = *reinterpret_cast<heirlock::mutex*>(saved->bytes);
  auto got = lock.acquire_for(patience());
  ASSERT_TRUE(got.needs_repair());
  got.mark_consistent();
  // Those of this boot are not: who comes next knows that the dead were marked.
  child next([&] {
    domain inherited = again;
    inherited.close(); // else it would be the same attachment
    domain::open(path.options());
    return lock.try_acquire().status() == status::busy ? 0 : 1;
  });
  EXPECT_EQ(next.ended(), 0);
}

} // namespace
} // namespace heirlock::test
