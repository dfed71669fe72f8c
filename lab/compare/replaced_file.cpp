// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/replaced_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {

replaced_file::replaced_file(const std::filesystem::path& file)
    : file_(std::filesystem::weakly_canonical(file)), next_(file_.string() + ".XXXXXX") {
  if (std::filesystem::exists(file_) && !std::filesystem::is_regular_file(file_))
    throw trouble(fmt::format("{} is no regular file: name one", file_.string()));
  std::string name = next_.string();
  const file_descriptor made(::mkostemp(name.data(), O_CLOEXEC));
  if (made) {
    next_ = name;
    // mkostemp grants the owner alone; the page is as readable as any file that the user makes.
    const mode_t mask = ::umask(0);
    ::umask(mask);
    ::fchmod(made.get(), 0666 & ~mask);
    out_.open(next_);
  }
  if (!made || !out_)
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
