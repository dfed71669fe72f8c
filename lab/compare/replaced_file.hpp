// SPDX-License-Identifier: Apache-2.0
// A file that is replaced as a whole, or not at all: readers meet the old content or the new one, never half of it.
#pragma once

#include <filesystem>
#include <fstream>
#include <string_view>

namespace heirlock::lab {

class replaced_file {
 public:
  // Makes a file of a new name beside it, so that what cannot be written is known before the work for it is done.
  // Throws trouble if it cannot.
  explicit replaced_file(const std::filesystem::path& file);
  // Without replace_by() the file is as it was, and the new one is gone.
  ~replaced_file();
  replaced_file(const replaced_file&) = delete;
  replaced_file& operator=(const replaced_file&) = delete;

  // Once. Throws trouble, with the file as it was, when not all of it could be written (a full disk).
  void replace_by(std::string_view content);

 private:
  std::filesystem::path file_;
  std::filesystem::path next_;
  std::ofstream out_;
};

} // namespace heirlock::lab
