// SPDX-License-Identifier: Apache-2.0
#include "lab/protocols/cleanup_robust_list/proc_files.hpp"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace heirlock::lab {
namespace {

struct opened {
  explicit opened(const char* path, int flags) noexcept
      : descriptor(::open(path, flags | O_RDONLY | O_CLOEXEC)) {}
  ~opened() {
    if (descriptor >= 0) ::close(descriptor);
  }
  opened(const opened&) = delete;
  opened& operator=(const opened&) = delete;
  int descriptor;
};

// A process that is gone, or was reaped between two calls.
int unless_gone(int error) noexcept {
  return error == ESRCH || error == ENOTDIR ? ENOENT : error;
}

struct area {
  std::uint64_t begin, end;
  bool shared;
  std::uint64_t offset, device, inode;
};

// "begin-end rwxs offset major:minor inode ..."
area parse(const char* line, const char* end) noexcept {
  area a = {};
  const auto number = [&](std::uint64_t& value, int base) {
    line = std::from_chars(line, end, value, base).ptr;
    if (line < end) ++line; // the character behind it
  };
  number(a.begin, 16);
  number(a.end, 16);
  if (end - line > 5) {
    a.shared = line[3] == 's';
    line += 5;
  }
  number(a.offset, 16);
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  number(major, 16);
  number(minor, 16);
  a.device = major << 32 | minor;
  number(a.inode, 10);
  return a;
}

// Calls is_it(area) for each line of /proc/PID/maps until it says so: 0; ENOENT when it never does.
template <class Is>
int search_maps(pid_t thread, Is is_it) noexcept {
  char path[longest_proc_path];
  proc_path(path, thread, "maps");
  const opened maps(path, 0);
  if (maps.descriptor < 0) return unless_gone(errno);
  char buffer[8192]; // a line is shorter: a path has 4096 bytes at most
  std::size_t kept = 0;
  for (;;) {
    const ssize_t got = ::read(maps.descriptor, buffer + kept, sizeof buffer - kept);
    if (got < 0) return unless_gone(errno);
    if (got == 0) return ENOENT;
    const char* const end = buffer + kept + got;
    const char* line = buffer;
    while (const void* const found =
               std::memchr(line, '\n', static_cast<std::size_t>(end - line))) {
      const char* const line_end = static_cast<const char*>(found);
      if (is_it(parse(line, line_end))) return 0;
      line = line_end + 1;
    }
    kept = static_cast<std::size_t>(end - line);
    std::memmove(buffer, line, kept);
  }
}

} // namespace

void proc_path(char (&into)[longest_proc_path], pid_t process, const char* rest) noexcept {
  std::memcpy(into, "/proc/", 6);
  char* const end = std::to_chars(into + 6, into + sizeof into, process).ptr;
  *end = '/';
  std::strncpy(end + 1, rest, static_cast<std::size_t>(into + sizeof into - end - 2));
  into[sizeof into - 1] = '\0';
}

int find_place(pid_t thread, std::uint64_t address, shared_place& found) noexcept {
  return search_maps(thread, [&](const area& a) {
    if (!a.shared || address < a.begin || address >= a.end) return false;
    found = {a.device, a.inode, a.offset + (address - a.begin)};
    return true;
  });
}

int find_mapping(pid_t thread, const shared_place& of) noexcept {
  return search_maps(thread, [&](const area& a) {
    return a.shared && a.device == of.device && a.inode == of.inode && of.offset >= a.offset &&
           of.offset - a.offset < a.end - a.begin;
  });
}

int for_each_number(const char* directory, number_visitor visit, void* context) noexcept {
  const opened listed(directory, O_DIRECTORY);
  if (listed.descriptor < 0) return unless_gone(errno) == ENOENT ? 0 : errno;
  alignas(dirent64) char entries[4096];
  for (;;) {
    const long got = ::syscall(SYS_getdents64, listed.descriptor, entries, sizeof entries);
    if (got < 0) return unless_gone(errno) == ENOENT ? 0 : errno;
    if (got == 0) return 0;
    for (long at = 0; at < got;) {
      const auto* const entry = reinterpret_cast<const dirent64*>(entries + at);
      at += entry->d_reclen;
      pid_t number = 0;
      const char* const end = entry->d_name + std::strlen(entry->d_name);
      if (std::from_chars(entry->d_name, end, number).ptr != end || number <= 0) continue;
      if (const int error = visit(context, number)) return error;
    }
  }
}

} // namespace heirlock::lab
