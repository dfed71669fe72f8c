// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/ids.hpp"

namespace heirlock::lab {

// One line of /proc/PID/maps.
struct mapping {
  remote_address start;
  remote_address end;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool shared = false;
  std::uint64_t file_offset = 0;
  std::string device;
  std::uint64_t inode = 0;
  std::string path; // as the kernel prints it; empty for anonymous memory

  bool same_file(const mapping& other) const {
    return device == other.device && inode == other.inode;
  }
};

std::vector<mapping> mappings_of(thread_id process);

// The program's first instruction (AT_ENTRY), where its dynamic loader has mapped all that it needs.
remote_address program_entry_of(thread_id process);

// A 32-bit word of another process that can still be read when that process is dead, if it lies in
// memory that others can map: then through the file (or memory object) that is mapped there.
class remote_word {
 public:
  remote_word(thread_id process, remote_address where);

  remote_address where() const { return where_; }
  // The memory is the process's own and ends with it.
  bool is_private() const { return is_private_; }
  // nullopt where it can no longer be read.
  std::optional<std::uint32_t> read() const;

 private:
  thread_id process_;
  remote_address where_;
  bool is_private_ = true;
  file_descriptor file_;
  std::uint64_t offset_ = 0;
};

} // namespace heirlock::lab
