// SPDX-License-Identifier: Apache-2.0
// What /proc says of processes, read without allocating.
#pragma once

#include <cstdint>
#include <sys/types.h>

namespace heirlock::lab {

// A place in what shared memory maps: the same for all who share the byte.
struct shared_place {
  std::uint64_t device; // major number, minor number
  std::uint64_t inode;
  std::uint64_t offset;

  bool operator==(const shared_place&) const = default;
};

// By a thread of the process, for the first one may have ended. 0; ENOENT when it is gone, or nothing shared is there; another errno value when it may not be read.
int find_place(pid_t thread, std::uint64_t address, shared_place& found) noexcept;
// 0 when the process maps a page of the place's file, ENOENT when it does not, or is gone; else an errno value.
int find_mapping(pid_t thread, const shared_place& of) noexcept;

// Calls visit(number) for each entry of a directory of /proc that is a number, until that returns an errno value.
// A directory that is not there has no entries.
using number_visitor = int (*)(void* context, pid_t number);
int for_each_number(const char* directory, number_visitor visit, void* context) noexcept;

// "/proc/PID/REST", where REST may be empty. The buffer has room for the longest that is asked for here.
inline constexpr unsigned longest_proc_path = 40;
void proc_path(char (&into)[longest_proc_path], pid_t process, const char* rest) noexcept;

} // namespace heirlock::lab
