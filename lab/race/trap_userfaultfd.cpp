// SPDX-License-Identifier: Apache-2.0
// userfaultfd(2) in write-protect mode. With UFFD_USER_MODE_ONLY it needs no privilege (Linux 5.11).
#include "lab/race/trap.hpp"

#include <cerrno>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

#include "lab/race/segment.hpp"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

namespace heirlock::lab::race {
namespace {

[[noreturn]] void refused(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int open_userfaultfd() {
  int fd =
      static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY));
  // Kernels before 5.11 do not know the flag, and may let anybody in without it.
  if (fd < 0 && errno == EINVAL)
    fd = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
  return fd;
}

class userfaultfd_trap final : public trap {
 public:
  userfaultfd_trap(void* page, std::size_t size)
      : start_(reinterpret_cast<std::uintptr_t>(page)), size_(size), fd_(open_userfaultfd()) {
    if (fd_ < 0) refused("userfaultfd(2)");
    try {
      enable();
    } catch (...) {
      ::close(fd_);
      throw;
    }
  }
  // Closing wakes a thread that waits.
  ~userfaultfd_trap() override { ::close(fd_); }

  void arm() override { protect(UFFDIO_WRITEPROTECT_MODE_WP); }
  void release() override { protect(0); }

  void watch(trap_board& board, std::uint32_t order) override {
    constexpr int slice_ms = 20;
    while (board.order.load(std::memory_order_acquire) == order) {
      pollfd ready{fd_, POLLIN, 0};
      uffd_msg message{};
      if (::poll(&ready, 1, slice_ms) <= 0) continue;
      if (::read(fd_, &message, sizeof message) != sizeof message) continue;
      if (message.event != UFFD_EVENT_PAGEFAULT) continue;
      announce(board.stalled, order);
      return;
    }
  }

 private:
  void enable() {
    uffdio_api api{};
    api.api = UFFD_API;
    api.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP;
    if (::ioctl(fd_, UFFDIO_API, &api) != 0) refused("UFFDIO_API with write protection");
    uffdio_register range{};
    range.range = {start_, size_};
    range.mode = UFFDIO_REGISTER_MODE_WP;
    if (::ioctl(fd_, UFFDIO_REGISTER, &range) != 0)
      refused("UFFDIO_REGISTER with write protection");
  }
  void protect(std::uint64_t mode) const {
    uffdio_writeprotect change{};
    change.range = {start_, size_};
    change.mode = mode;
    // EAGAIN: the address space is changing under it, for instance by another thread's mmap.
    while (::ioctl(fd_, UFFDIO_WRITEPROTECT, &change) != 0) {
      if (errno != EAGAIN) refused("UFFDIO_WRITEPROTECT");
    }
  }

  std::uintptr_t start_;
  std::size_t size_;
  int fd_;
};

} // namespace

std::unique_ptr<trap> make_userfaultfd_trap(void* page, std::size_t size) {
  return std::make_unique<userfaultfd_trap>(page, size);
}

} // namespace heirlock::lab::race
