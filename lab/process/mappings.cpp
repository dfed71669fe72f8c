// SPDX-License-Identifier: Apache-2.0
#include "lab/process/mappings.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>

#include "lab/process/remote_memory.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// "start-end perms offset dev inode    path", see proc(5).
std::optional<mapping> parse(const std::string& line) {
  mapping m;
  unsigned long start = 0;
  unsigned long end = 0;
  unsigned long offset = 0;
  unsigned long inode = 0;
  std::array<char, 8> permissions = {};
  std::array<char, 16> device = {};
  int path_at = 0;
  // NOLINTNEXTLINE(cert-err34-c): the kernel writes these numbers, and each fits
  if (std::sscanf(line.c_str(), "%lx-%lx %7s %lx %15s %lu %n", &start, &end, permissions.data(),
                  &offset, device.data(), &inode, &path_at) != 6)
    return std::nullopt;
  m.start = {start};
  m.end = {end};
  m.readable = permissions[0] == 'r';
  m.writable = permissions[1] == 'w';
  m.executable = permissions[2] == 'x';
  m.shared = permissions[3] == 's';
  m.file_offset = offset;
  m.device = device.data();
  m.inode = inode;
  m.path = line.substr(std::min(static_cast<std::size_t>(path_at), line.size()));
  return m;
}

file_descriptor open_if_it_is(const std::string& path, std::uint64_t inode) {
  file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat facts = {};
  if (file && (fstat(file.get(), &facts) != 0 || facts.st_ino != inode)) file.reset();
  return file;
}

// map_files needs a capability, the path may have been unlinked, a descriptor may have been closed: one
// of the three is there nearly always.
file_descriptor open_mapped(thread_id process, const mapping& m) {
  if (auto file = open_if_it_is(
          fmt::format("/proc/{}/map_files/{:x}-{:x}", process.value, m.start.value, m.end.value),
          m.inode))
    return file;
  if (m.path.starts_with('/'))
    if (auto file = open_if_it_is(m.path, m.inode)) return file;
  std::error_code error;
  const std::filesystem::path descriptors = fmt::format("/proc/{}/fd", process.value);
  for (std::filesystem::directory_iterator at(descriptors, error), end; !error && at != end;
       at.increment(error)) {
    struct stat facts = {};
    if (::stat(at->path().c_str(), &facts) != 0 || facts.st_ino != m.inode) continue;
    if (auto file = open_if_it_is(at->path(), m.inode)) return file;
  }
  return {};
}

} // namespace

std::vector<mapping> mappings_of(thread_id process) {
  std::ifstream file(fmt::format("/proc/{}/maps", process.value));
  std::vector<mapping> found;
  for (std::string line; std::getline(file, line);)
    if (auto m = parse(line)) found.push_back(*std::move(m));
  return found;
}

remote_address program_entry_of(thread_id process) {
  std::ifstream file(fmt::format("/proc/{}/auxv", process.value), std::ios::binary);
  Elf64_auxv_t entry = {};
  while (file.read(reinterpret_cast<char*>(&entry), sizeof entry))
    if (entry.a_type == AT_ENTRY) return {entry.a_un.a_val};
  throw trouble(fmt::format("process {} has no program entry point in /proc/{}/auxv", process.value,
                            process.value));
}

remote_word::remote_word(thread_id process, remote_address where)
    : process_(process), where_(where) {
  for (const mapping& m : mappings_of(process)) {
    if (where < m.start || where >= m.end) continue;
    is_private_ = !m.shared;
    offset_ = m.file_offset + (where - m.start);
    if (m.shared) file_ = open_mapped(process, m);
    return;
  }
}

std::optional<std::uint32_t> remote_word::read() const {
  std::uint32_t value = 0;
  if (file_) {
    if (::pread(file_.get(), &value, sizeof value, static_cast<off_t>(offset_)) == sizeof value)
      return value;
    return std::nullopt;
  }
  if (try_read_memory(process_, where_, std::as_writable_bytes(std::span(&value, 1)))) return value;
  return std::nullopt;
}

} // namespace heirlock::lab
