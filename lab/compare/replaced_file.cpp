// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/replaced_file.hpp"

#include <fmt/format.h>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {

replaced_file::replaced_file(const std::filesystem::path& file)
    : file_(std::filesystem::weakly_canonical(file)), next_(file_.string() + ".new") {
  if (std::filesystem::exists(file_) && !std::filesystem::is_regular_file(file_))
    throw trouble(fmt::format("{} is no regular file: name one", file_.string()));
  out_.open(next_);
  if (!out_)
    throw trouble(
        fmt::format("cannot write {}: is the directory there and writable?", next_.string()));
}

replaced_file::~replaced_file() {
  std::error_code gone_already;
  std::filesystem::remove(next_, gone_already);
}

void replaced_file::replace_by(std::string_view content) {
  out_ << content;
  out_.close();
  if (!out_) throw trouble(fmt::format("cannot write {}: is the disk full?", next_.string()));
  std::filesystem::rename(next_, file_);
}

} // namespace heirlock::lab
