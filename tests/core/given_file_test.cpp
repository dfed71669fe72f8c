// SPDX-License-Identifier: Apache-2.0
//
// Domains in a file that is given by descriptor. It has no name that could come last, so it can be seen half-made.
#include "tests/core/domain_support.hpp"
#include "tests/core/stepped.hpp"

#include "src/core/domain.hpp"

#include <cstring>
#include <initializer_list>
#include <sys/stat.h>
#include <vector>

namespace heirlock::test {
namespace {

class memory_file {
 public:
  memory_file() : number_(heirlock_domain_memfd(nullptr)) {}
  ~memory_file() { close(number_); }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  int get() const { return number_; }
  domain_options options() const { return domain_options::of_descriptor(number_); }
  std::size_t size() const {
    struct stat status {};
    return fstat(number_, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
  }
  std::vector<char> bytes() const {
    std::vector<char> all(size());
    EXPECT_EQ(pread(number_, all.data(), all.size(), 0), static_cast<ssize_t>(all.size()));
    return all;
  }

 private:
  int number_;
};

void expect_whole(const domain& made) {
  pthread_mutex_t sound;
  memset(&sound, 0, sizeof sound);
  sys::init_robust(sound);
  EXPECT_NE(made.inspect().id, 0u);
  const heirlock_domain& inside = *made.native_handle();
  for (std::uint32_t i = 0; i < inside.seat_count; ++i)
    for (const core::bell& each : inside.seats[i].bells)
      // Every byte is asked about, whatever it means.
      // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison)
      ASSERT_EQ(memcmp(&each.mutex, &sound, sizeof each.mutex), 0);
}

TEST(DomainTest, AMakerThatIsKilledInAGivenFileLeavesItToTheNext) {
  for (unsigned delay = 0; delay < 6000; delay += 40) {
    const int memory = heirlock_domain_memfd(nullptr);
    ASSERT_GE(memory, 0);
    const auto options = domain_options::of_descriptor(memory).threads(512);
    {
      child maker([&] {
        domain::open(options);
        return pause();
      });
      usleep(delay);
      maker.kill_now();
    }
    {
      const own_domain next(domain::open(options));
      expect_whole(next);
    }
    close(memory);
  }
}

// The same without chance: the maker is stepped until the domain can be recognised, and killed there.
TEST(DomainTest, AMakerThatIsKilledInAGivenFileAsItBecomesRecognisableHasMadeItWhole) {
  const int memory = heirlock_domain_memfd(nullptr);
  ASSERT_GE(memory, 0);
  const auto options = domain_options::of_descriptor(memory).threads(8);
  child maker([&] {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) return 1;
    raise(SIGSTOP);
    domain::open(options);
    return 0;
  });
  const auto recognisable = [&] {
    std::uint64_t magic = 0;
    static_assert(sizeof magic == sizeof(core::domain_header::magic));
    return pread(memory, &magic, sizeof magic, offsetof(core::domain_header, magic)) ==
               sizeof magic &&
           magic == core::domain_magic;
  };
  int status = 0;
  ASSERT_EQ(waitpid(maker.pid(), &status, 0), maker.pid());
  ASSERT_TRUE(WIFSTOPPED(status)) << "the maker cannot be traced: status " << status;
  while (!recognisable()) {
    ASSERT_EQ(ptrace(PTRACE_SINGLESTEP, maker.pid(), nullptr, nullptr), 0);
    ASSERT_EQ(waitpid(maker.pid(), &status, 0), maker.pid());
    ASSERT_TRUE(WIFSTOPPED(status)) << "the maker ended, and the domain is not recognisable";
  }
  maker.kill_now();
  EXPECT_EQ(refusal(options), "");
  close(memory);
}

// Its maker is killed: with the file allocated, begun, made. What it wanted is nobody's concern while there is no domain.
TEST(GivenFileTest, WhoseMakerWasKilledIsMadeByTheNextAsThatOneWantsIt) {
  struct sizes {
    std::uint32_t first, next;
  };
  for (const sizes wanted : {sizes{64, 8}, sizes{8, 64}, sizes{8, 8}, sizes{8, 0}})
    for (const long killed_at : {SYS_ftruncate, SYS_mmap, SYS_getrandom, SYS_munmap}) {
      SCOPED_TRACE(std::to_string(wanted.first) + " seats, then " + std::to_string(wanted.next) +
                   ", killed before call " + std::to_string(killed_at));
      const memory_file file;
      {
        stepped maker([&] {
          domain::open(file.options().threads(wanted.first));
          return 0;
        });
        ASSERT_EQ(maker.run_to_call({SYS_ftruncate}), SYS_ftruncate);
        if (killed_at != SYS_ftruncate) {
          ASSERT_EQ(maker.run_to_call({killed_at}), killed_at);
        }
        maker.kill_now();
      }
      const auto next = file.options().threads(wanted.next);
      if (killed_at == SYS_munmap) {
        EXPECT_EQ(refusal(file.options()), "") << "it is made";
        if (wanted.next != 0 && wanted.next != wanted.first) {
          EXPECT_TRUE(says(refusal(next), "ask for as many"));
        }
        continue;
      }
      EXPECT_TRUE(says(refusal(file.options().must_exist()),
                       killed_at == SYS_ftruncate ? "is empty" : "is unfinished"));
      const own_domain made(domain::open(domain_options(next).must_create()));
      const std::uint32_t seats = wanted.next != 0 ? wanted.next : core::default_seats;
      EXPECT_EQ(made.inspect().threads, seats);
      EXPECT_EQ(file.size(), core::domain_size(seats));
      expect_whole(made);
      heirlock::mutex lock(made);
      EXPECT_TRUE(lock.acquire());
    }
}

// Two makers at once would clear each other's domain.
TEST(GivenFileTest, IsLookedIntoAndMadeUnderTheClaimLockOnly) {
  const memory_file file;
  const int other = sys::open_again(file.get());
  ASSERT_EQ(sys::lock_byte(other, core::claim_lock_byte), 0);
  child maker([&] {
    domain::open(file.options().threads(8));
    return 0;
  });
  ASSERT_TRUE(maker.sleeps_in(SYS_fcntl)) << "it does not wait for the claim lock";
  EXPECT_EQ(file.size(), 0u);
  sys::unlock_byte(other, core::claim_lock_byte);
  EXPECT_EQ(maker.ended(), 0);
  EXPECT_EQ(file.size(), core::domain_size(8));
  close(other);
}

TEST(GivenFileTest, WithSomethingElseInItIsRefusedAndLeftAsItIs) {
  const auto with = [](std::size_t size, std::size_t at, const char* text) {
    auto file = std::make_unique<memory_file>();
    EXPECT_EQ(ftruncate(file->get(), static_cast<off_t>(size)), 0);
    EXPECT_EQ(pwrite(file->get(), text, strlen(text), static_cast<off_t>(at)),
              static_cast<ssize_t>(strlen(text)));
    return file;
  };
  std::vector<std::unique_ptr<memory_file>> files;
  files.push_back(with(100, 0, ""));                             // a few zeroes
  files.push_back(with(std::size_t{1} << 20, 0, ""));            // what might be a segment
  files.push_back(with(core::domain_size(8), 0, "other data"));  // of a domain's size
  files.push_back(with(core::domain_size(8), 64, "other data")); // and with zeroes first
  files.push_back(with(core::domain_size(9), 4095, "x"));
  for (const auto& file : files) {
    const std::vector<char> before = file->bytes();
    const auto options = file->options().threads(8);
    EXPECT_TRUE(says(refusal(options), "no domain: give an empty file"));
    EXPECT_TRUE(says(refusal(file->options()), "no domain: give an empty file"));
    EXPECT_TRUE(says(refusal(domain_options(options).must_create()), "holds something already"));
    EXPECT_EQ(file->bytes(), before);
  }
}

} // namespace
} // namespace heirlock::test
