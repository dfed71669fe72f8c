// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/sys/clock.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <sys/stat.h>
#include <sys/types.h>

// Files, mappings and open-file-description locks. Calls go to the kernel directly: the libc wrappers are
// cancellation points, and a thread that is cancelled inside a claim would leave the claim lock held.
// Functions that return int return 0 or a descriptor, or a negated errno value.
namespace heirlock::sys {

int open_file(const char* path, int flags, mode_t mode) noexcept;
// For reading and writing; a symbolic link is refused (-ELOOP), a pipe does not block.
int open_existing(const char* path) noexcept;
// A file without a name in the directory; the kernel frees it unless it is linked.
int open_unnamed(const char* directory, mode_t mode) noexcept;
// The same file through a new description of its own: locks are not shared with the given descriptor's.
int open_again(int descriptor) noexcept;
int close_file(int descriptor) noexcept;
int status_of(int descriptor, struct stat& status) noexcept;
int link_unnamed(int descriptor, const char* path) noexcept;
int set_group_and_mode(int descriptor, gid_t group, mode_t mode) noexcept;
int set_mode(int descriptor, mode_t mode) noexcept;
int set_size(int descriptor, std::size_t size) noexcept;
int allocate(int descriptor, std::size_t size) noexcept;
int memory_file(const char* name) noexcept;
int read_at_start(int descriptor, void* into, std::size_t size) noexcept; // 0: all of it was there
int read_file(const char* path, char* into, std::size_t size) noexcept;

void* map_shared(int descriptor, std::size_t size) noexcept; // nullptr when refused
void* map_pin(int descriptor) noexcept;                      // one read-only page, not for children
void unmap(void* address, std::size_t size) noexcept;
// One private page that a child finds zeroed, however it was forked.
void* map_wiped_on_fork() noexcept;

// Locks on a byte belong to the description. -taken: another description has it. No system call fails with that value.
inline constexpr int taken = EINPROGRESS;
int lock_byte(int descriptor, std::int64_t offset) noexcept;
int unlock_byte(int descriptor, std::int64_t offset) noexcept;
// Sleeps until nobody else has such a lock. To that end it has one itself for an instant: shared with others who wait,
// and the process's (POSIX), so that no child inherits it.
int wait_for_byte(int descriptor, std::int64_t offset) noexcept;
// 1 when another description holds the byte, 0 when none does.
int byte_is_locked(int descriptor, std::int64_t offset) noexcept;

int random_bytes(void* into, std::size_t size) noexcept;
// Between attempts at what is not waited for in the kernel: 20 us, then longer, 1 ms at most.
class attempt_pause {
 public:
  bool sleep(const deadline* limit) noexcept; // false: the deadline has passed

 private:
  std::int64_t next_ns_ = 20000;
};
pid_t thread_id() noexcept;
uid_t effective_user() noexcept;
// 0 or an errno value.
int at_fork(void (*before)(), void (*in_parent)(), void (*in_child)()) noexcept;
// False only when this process certainly has no thread of that id.
bool thread_exists(pid_t tid) noexcept;

} // namespace heirlock::sys
