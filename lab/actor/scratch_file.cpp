// SPDX-License-Identifier: Apache-2.0
#include "lab/actor/scratch_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {

scratch_file::scratch_file() : size_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
  const char* const chosen = std::getenv("TMPDIR");
  where_ = chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
  file_ = file_descriptor(::open(where_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file_) {
    // A file system without O_TMPFILE: the name exists for the time of two calls.
    std::string name = where_ + "/heirlock-XXXXXX";
    file_ = file_descriptor(mkostemp(name.data(), O_CLOEXEC));
    if (!file_)
      throw trouble(
          fmt::format("cannot make a file in {} ({}): set TMPDIR to a directory that can be "
                      "written to",
                      where_, std::generic_category().message(errno)));
    ::unlink(name.c_str());
  }
  if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0)
    throw_errno("sizing the scratch file");
}

void scratch_file::fill(std::uint64_t word) {
  const std::vector<std::uint64_t> words(size_ / sizeof word, word);
  if (::pwrite(file_.get(), words.data(), size_, 0) != static_cast<ssize_t>(size_) ||
      ::fdatasync(file_.get()) != 0)
    throw_errno(fmt::format("writing the scratch file in {}", where_));
}

std::vector<std::uint64_t> scratch_file::read_from_disk() const {
  if (::fdatasync(file_.get()) != 0) throw_errno("writing the scratch file back");
  posix_fadvise(file_.get(), 0, 0, POSIX_FADV_DONTNEED);
  // O_DIRECT wants aligned memory; a file system that does not have it reads through the page cache,
  // which fdatasync has just made the same.
  const std::unique_ptr<void, decltype(&std::free)> aligned(std::aligned_alloc(size_, size_),
                                                            std::free);
  const std::string self = fmt::format("/proc/self/fd/{}", file_.get());
  const file_descriptor direct(::open(self.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC));
  const int source = direct ? direct.get() : file_.get();
  if (::pread(source, aligned.get(), size_, 0) != static_cast<ssize_t>(size_) &&
      ::pread(file_.get(), aligned.get(), size_, 0) != static_cast<ssize_t>(size_))
    throw_errno("reading the scratch file");
  const auto* const words = static_cast<const std::uint64_t*>(aligned.get());
  return {words, words + size_ / sizeof *words};
}

} // namespace heirlock::lab
