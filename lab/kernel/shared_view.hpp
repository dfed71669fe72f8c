// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lab/process/ids.hpp"

namespace heirlock::lab::kernel {

// One line of /proc/PID/maps.
struct memory_area {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool writable = false;
  bool shared = false;
  std::uint64_t offset = 0; // in the file
  std::string device;
  std::uint64_t inode = 0;

  bool same_file(const memory_area& other) const {
    return inode == other.inode && device == other.device;
  }
  // Whether the byte `in_file` of the file that `other` maps is seen here by whoever shares it.
  bool shows(const memory_area& other, std::uint64_t in_file) const {
    return shared && same_file(other) && in_file >= offset && in_file - offset < end - begin;
  }
};

std::vector<memory_area> areas_of(pid_t process);

// A stopped process's memory areas, and its shared ones as this process maps them, so that words in them can be
// exchanged atomically and their futexes be woken: the same pages, hence the same futexes. Both lists of areas
// are read once, at the first question.
class shared_view {
 public:
  explicit shared_view(thread_id process) : process_(process) {}
  shared_view(const shared_view&) = delete;
  shared_view& operator=(const shared_view&) = delete;
  ~shared_view();

  // nullptr: nothing is mapped there.
  const memory_area* area_with(remote_address address);

  // The word, in this process. nullptr when its area is not shared; throws trouble when it is, is not mapped
  // here and cannot be.
  std::uint32_t* word(remote_address address);

 private:
  void read_areas();
  const memory_area& map(const memory_area& theirs);

  thread_id process_;
  bool known_ = false;
  std::vector<memory_area> theirs_;
  std::vector<memory_area> ours_;
  std::vector<memory_area> mapped_here_; // by this object; unmapped with it
};

} // namespace heirlock::lab::kernel
