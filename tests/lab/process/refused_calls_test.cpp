// SPDX-License-Identifier: Apache-2.0
// What a filter or a security module refuses is never taken for memory, or for a list, that is not there.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <functional>
#include <grp.h>
#include <initializer_list>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/process/remote_memory.hpp"
#include "lab/process/robust_list.hpp"
#include "lab/process/trouble.hpp"
#include "lab/process/wait_status.hpp"
#include "tests/lab/process/traced.hpp"
#include "tests/seccomp.hpp"

namespace heirlock::lab::process_test {
namespace {

constexpr uid_t nobody = 65534;

// Three pages that lie side by side: one to read and write, one to read, one for nobody. After them there is nothing.
class pages {
 public:
  pages() {
    const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* const four =
        ::mmap(nullptr, 4 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (four == MAP_FAILED) throw_errno("mmap");
    start_ = {reinterpret_cast<std::uint64_t>(four)};
    for (std::uint64_t i = 0; i < 4; ++i)
      *reinterpret_cast<std::uint64_t*>(start_.value + i * size) = i + 1;
    ::mprotect(at(1), size, PROT_READ);
    ::mprotect(at(2), size, PROT_NONE);
    ::munmap(at(3), size);
  }
  [[nodiscard]] remote_address page(std::uint64_t i) const {
    return start_ + i * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }

 private:
  [[nodiscard]] void* at(std::uint64_t i) const { return reinterpret_cast<void*>(page(i).value); }
  remote_address start_;
};

// A filter stays, so each test is a process of its own; what failed in it is in its output.
class refused : public testing::TestWithParam<int> {
 protected:
  static void in_a_child(const std::function<void()>& body,
                         std::initializer_list<long> refused_calls) {
    std::fflush(nullptr);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      try {
        for (const long number : refused_calls)
          heirlock::test::refuse_system_call(number, GetParam());
        body();
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
      std::fflush(nullptr);
      ::_exit(testing::Test::HasFailure() ? 1 : 0);
    }
    int raw = 0;
    ::waitpid(child, &raw, 0);
    EXPECT_TRUE(WIFEXITED(raw) && WEXITSTATUS(raw) == 0) << wait_status::from_raw(raw).describe();
  }
};

// The answer was "not there", whatever was asked for.
TEST_P(refused, reading_takes_another_way_and_finds_the_same) {
  NEEDS_SECCOMP();
  in_a_child(
      [] {
        const pages mine;
        const thread_id self = {::getpid()};
        EXPECT_EQ(read_value<std::uint64_t>(self, mine.page(0)), 1U);
        EXPECT_EQ(read_value<std::uint64_t>(self, mine.page(1)), 2U);
        std::array<std::byte, 16> bytes{};
        EXPECT_TRUE(try_read_memory(self, {mine.page(1).value - 8}, bytes)) << "of both mappings";
        for (const std::uint64_t where : {mine.page(2).value, mine.page(3).value,
                                          mine.page(2).value - 8, std::uint64_t{0x10}}) {
          errno = 0;
          EXPECT_FALSE(try_read_memory(self, {where}, bytes)) << std::hex << where;
          EXPECT_EQ(errno, EFAULT);
        }
        const pid_t gone = ::fork();
        if (gone == 0) ::_exit(0);
        ::waitpid(gone, nullptr, 0);
        EXPECT_FALSE(try_read_memory({gone}, mine.page(0), bytes));
        EXPECT_EQ(errno, ESRCH);
      },
      {SYS_process_vm_readv});
}

TEST_P(refused, writing_takes_another_way_and_obeys_the_protection_as_before) {
  NEEDS_SECCOMP();
  const auto writes = [] {
    const pages mine;
    const thread_id self = {::getpid()};
    const std::uint64_t value = 77;
    const auto bytes = std::as_bytes(std::span(&value, 1));
    EXPECT_TRUE(try_write_where_permitted(self, mine.page(0), bytes));
    EXPECT_EQ(read_value<std::uint64_t>(self, mine.page(0)), value);
    for (const std::uint64_t i : {1U, 2U, 3U})
      EXPECT_FALSE(try_write_where_permitted(self, mine.page(i), bytes)) << "page " << i;
    EXPECT_EQ(read_value<std::uint64_t>(self, mine.page(1)), 2U);
  };
  in_a_child(writes, {});
  in_a_child(writes, {SYS_process_vm_writev});
}

TEST_P(refused, memory_that_no_way_leads_to_is_trouble) {
  NEEDS_SECCOMP();
  in_a_child(
      [] {
        const pages shared_with_child; // at the same address there
        // It ends when this process does; a signal from nobody would not reach it.
        std::array<int, 2> ready{};
        std::array<int, 2> stay{};
        if (::pipe2(ready.data(), O_CLOEXEC) != 0 || ::pipe2(stay.data(), O_CLOEXEC) != 0)
          throw_errno("pipe2");
        const pid_t secretive = ::fork();
        char byte = 0;
        if (secretive == 0) {
          ::close(stay[1]);
          ::prctl(PR_SET_DUMPABLE, 0);
          const bool told = ::write(ready[1], "", 1) == 1;
          ::_exit(told && ::read(stay[0], &byte, 1) == 0 ? 0 : 1);
        }
        ASSERT_EQ(::read(ready[0], &byte, 1), 1);
        if (::geteuid() == 0 &&
            (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0))
          throw_errno("setuid");
        std::array<std::byte, 8> bytes{};
        try {
          try_read_memory({secretive}, shared_with_child.page(0), bytes);
          ADD_FAILURE() << "it could be told whether it is there";
        } catch (const trouble& error) {
          for (const char* said : {"process_vm_readv", "/mem", "seccomp"})
            EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
        }
        EXPECT_THROW(try_write_where_permitted({secretive}, shared_with_child.page(0), bytes),
                     trouble);
        EXPECT_THROW(robust_list_head_of({secretive}), trouble);
      },
      {SYS_process_vm_readv});
}

// A thread with an operation pending looked like one without.
TEST_P(refused, the_robust_list_is_not_said_to_be_none) {
  NEEDS_SECCOMP();
  in_a_child(
      [] {
        const thread_id self = {::getpid()};
        for (const auto& look : std::initializer_list<std::function<void()>>{
                 [&] { robust_list_head_of(self); }, [&] { pending_operation_of(self); },
                 [&] { pending_word_of(self); }})
          try {
            look();
            ADD_FAILURE() << "it was told";
          } catch (const trouble& error) {
            for (const char* said : {"get_robust_list", "seccomp"})
              EXPECT_NE(std::string(error.what()).find(said), std::string::npos) << error.what();
          }
      },
      {SYS_get_robust_list});
}

INSTANTIATE_TEST_SUITE_P(, refused, testing::Values(EPERM, ENOSYS, EACCES), [](const auto& each) {
  return std::string(::strerrorname_np(each.param));
});

} // namespace
} // namespace heirlock::lab::process_test
