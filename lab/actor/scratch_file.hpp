// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/process/file_descriptor.hpp"

namespace heirlock::lab {

// A file on disk without a name: it is gone when the last process that has it open is. One page long.
class scratch_file {
 public:
  // In $TMPDIR if that is set, else in /var/tmp, which unlike /tmp is on a disk on most machines.
  scratch_file();

  int descriptor() const { return file_.get(); }
  std::size_t size() const { return size_; }
  const std::string& where() const { return where_; }

  // Fills it with one 64-bit word, and waits until the disk has it.
  void fill(std::uint64_t word);

  // What the disk holds: written back first, then read past the page cache where the file system can.
  std::vector<std::uint64_t> read_from_disk() const;

 private:
  std::string where_;
  std::size_t size_;
  file_descriptor file_;
};

} // namespace heirlock::lab
