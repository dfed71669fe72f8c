// SPDX-License-Identifier: Apache-2.0
#include "src/sys/file.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace heirlock::sys {
namespace {

constexpr std::size_t page_size = 4096;

int result_of(long value) noexcept {
  return value < 0 ? -errno : static_cast<int>(value);
}

struct descriptor_path {
  char text[32];
  explicit descriptor_path(int descriptor) noexcept {
    snprintf(text, sizeof text, "/proc/self/fd/%d", descriptor);
  }
};

int lock_call(int descriptor, int command, std::int64_t offset, short type,
              struct flock* answer) noexcept {
  struct flock request {};
  request.l_type = type;
  request.l_whence = SEEK_SET;
  request.l_start = offset;
  request.l_len = 1;
  long result = 0;
  do {
    result = syscall(SYS_fcntl, descriptor, command, &request);
  } while (result < 0 && errno == EINTR);
  if (answer != nullptr) *answer = request;
  return result_of(result);
}

} // namespace

int open_file(const char* path, int flags, mode_t mode) noexcept {
  return result_of(syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode));
}

int open_existing(const char* path) noexcept {
  return open_file(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK, 0);
}

int open_unnamed(const char* directory, mode_t mode) noexcept {
  return open_file(directory, O_RDWR | O_TMPFILE, mode);
}

int open_again(int descriptor) noexcept {
  return open_file(descriptor_path(descriptor).text, O_RDWR, 0);
}

int close_file(int descriptor) noexcept {
  return result_of(syscall(SYS_close, descriptor));
}

int status_of(int descriptor, struct stat& status) noexcept {
  return result_of(fstat(descriptor, &status));
}

int link_unnamed(int descriptor, const char* path) noexcept {
  return result_of(
      linkat(AT_FDCWD, descriptor_path(descriptor).text, AT_FDCWD, path, AT_SYMLINK_FOLLOW));
}

int set_group_and_mode(int descriptor, gid_t group, mode_t mode) noexcept {
  const int owned = result_of(fchown(descriptor, static_cast<uid_t>(-1), group));
  return owned < 0 ? owned : set_mode(descriptor, mode);
}

int set_mode(int descriptor, mode_t mode) noexcept {
  return result_of(fchmod(descriptor, mode));
}

int set_size(int descriptor, std::size_t size) noexcept {
  return result_of(ftruncate(descriptor, static_cast<off_t>(size)));
}

int allocate(int descriptor, std::size_t size) noexcept {
  long result = 0;
  do {
    result = syscall(SYS_fallocate, descriptor, 0, off_t{0}, static_cast<off_t>(size));
  } while (result < 0 && errno == EINTR);
  return result_of(result);
}

int memory_file(const char* name) noexcept {
  return result_of(syscall(SYS_memfd_create, name, MFD_CLOEXEC));
}

int read_at_start(int descriptor, void* into, std::size_t size) noexcept {
  const int got = result_of(syscall(SYS_pread64, descriptor, into, size, off_t{0}));
  if (got < 0) return got;
  return static_cast<std::size_t>(got) == size ? 0 : -EIO;
}

int read_file(const char* path, char* into, std::size_t size) noexcept {
  const int descriptor = open_file(path, O_RDONLY, 0);
  if (descriptor < 0) return descriptor;
  const int got = result_of(syscall(SYS_read, descriptor, into, size));
  close_file(descriptor);
  return got;
}

void* map_shared(int descriptor, std::size_t size) noexcept {
  void* address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  return address == MAP_FAILED ? nullptr : address;
}

void* map_pin(int descriptor) noexcept {
  void* address = mmap(nullptr, page_size, PROT_READ, MAP_SHARED, descriptor, 0);
  if (address == MAP_FAILED) return nullptr;
  madvise(address, page_size, MADV_DONTFORK);
  return address;
}

void unmap(void* address, std::size_t size) noexcept {
  munmap(address, size);
}

void* map_wiped_on_fork() noexcept {
  void* address =
      mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return nullptr;
  if (madvise(address, page_size, MADV_WIPEONFORK) == 0) return address;
  munmap(address, page_size);
  return nullptr;
}

int lock_byte(int descriptor, std::int64_t offset) noexcept {
  const int result = lock_call(descriptor, F_OFD_SETLK, offset, F_WRLCK, nullptr);
  return result == -EAGAIN || result == -EACCES ? -taken : result;
}

int unlock_byte(int descriptor, std::int64_t offset) noexcept {
  return lock_call(descriptor, F_OFD_SETLK, offset, F_UNLCK, nullptr);
}

int wait_for_byte(int descriptor, std::int64_t offset) noexcept {
  const int result = lock_call(descriptor, F_SETLKW, offset, F_RDLCK, nullptr);
  return result < 0 ? result : lock_call(descriptor, F_SETLK, offset, F_UNLCK, nullptr);
}

int byte_is_locked(int descriptor, std::int64_t offset) noexcept {
  struct flock answer {};
  const int result = lock_call(descriptor, F_OFD_GETLK, offset, F_WRLCK, &answer);
  return result < 0 ? result : answer.l_type != F_UNLCK;
}

int random_bytes(void* into, std::size_t size) noexcept {
  long result = 0;
  do {
    result = syscall(SYS_getrandom, into, size, 0);
  } while (result < 0 && errno == EINTR);
  return result_of(result);
}

bool attempt_pause::sleep(const deadline* limit) noexcept {
  constexpr std::int64_t longest_ns = 1000000;
  std::int64_t pause = next_ns_;
  if (limit != nullptr) {
    const std::int64_t left = remaining(*limit);
    if (left <= 0) return false;
    if (left < pause) pause = left;
  }
  const timespec time{0, static_cast<long>(pause)};
  syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, nullptr);
  next_ns_ = next_ns_ * 2 < longest_ns ? next_ns_ * 2 : longest_ns;
  return true;
}

uid_t effective_user() noexcept {
  return geteuid();
}

int at_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) noexcept {
  return pthread_atfork(before, in_parent, in_child);
}

pid_t thread_id() noexcept {
  return static_cast<pid_t>(syscall(SYS_gettid));
}

bool thread_exists(pid_t tid) noexcept {
  return syscall(SYS_tgkill, getpid(), tid, 0) == 0 || errno != ESRCH;
}

} // namespace heirlock::sys
