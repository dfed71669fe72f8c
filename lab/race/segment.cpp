// SPDX-License-Identifier: Apache-2.0
#include "lab/race/segment.hpp"

#include <cerrno>
#include <climits>
#include <ctime>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

namespace heirlock::lab::race {
namespace {

[[noreturn]] void fail(int error, const char* what) {
  throw std::system_error(error, std::generic_category(), what);
}

} // namespace

segment::segment(std::size_t bytes) : bytes_(bytes), data_(nullptr) {
  const int fd = ::memfd_create("heirlock-race", MFD_CLOEXEC);
  if (fd < 0) fail(errno, "memfd_create");
  void* mapped = MAP_FAILED;
  if (::ftruncate(fd, static_cast<off_t>(bytes)) == 0)
    mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  const int error = errno;
  ::close(fd); // the mapping keeps the memory
  if (mapped == MAP_FAILED) fail(error, "shared memory");
  data_ = mapped;
}

segment::~segment() {
  ::munmap(data_, bytes_);
}

void wake_all(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void announce(std::atomic<std::uint32_t>& word, std::uint32_t value) {
  word.store(value, std::memory_order_release);
  wake_all(word);
}

void sleep_while(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                 std::chrono::nanoseconds limit) {
  constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;
  if (limit.count() <= 0) return;
  const timespec timeout{limit.count() / nanoseconds_per_second,
                         limit.count() % nanoseconds_per_second};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, value, &timeout, nullptr, 0);
}

bool await(const std::atomic<std::uint32_t>& word, std::chrono::nanoseconds limit,
           const std::function<bool()>& done) {
  using clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds slice{100};
  const auto deadline = clock::now() + limit;
  for (;;) {
    // Read before `done`: a change between the two makes the sleep return at once.
    const std::uint32_t seen = word.load(std::memory_order_acquire);
    if (done()) return true;
    const auto left = deadline - clock::now();
    if (left.count() <= 0) return false;
    sleep_while(word, seen, left < slice ? left : slice);
  }
}

} // namespace heirlock::lab::race
