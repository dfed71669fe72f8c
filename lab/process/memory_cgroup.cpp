// SPDX-License-Identifier: Apache-2.0
#include "lab/process/memory_cgroup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <vector>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

using std::filesystem::path;
using version = memory_hierarchy::version;

constexpr std::string_view name_begin = "heirlock-oom-kill.";

std::string text_of(const path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_to(const path& file, const std::string& text) {
  const file_descriptor out(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!out || ::write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw_errno(fmt::format("writing {} into {}", text, file.string()));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in{std::string(text)};
  for (std::string part; std::getline(in, part, separator);)
    parts.push_back(part);
  return parts;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

bool has(const std::vector<std::string>& parts, std::string_view wanted) {
  for (const std::string& part : parts)
    if (part == wanted) return true;
  return false;
}

// The path of the process in the hierarchy: with the controller in its name (version one), or without any.
std::optional<std::string> member_path(std::string_view membership, version kind) {
  for (const std::string& line : split(membership, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool it = kind == version::one ? has(split(controllers, ','), "memory")
                                         : controllers.empty() && line.starts_with("0:");
    if (it) return line.substr(second + 1);
  }
  return std::nullopt;
}

// proc(5): ... root mount-point options [optional]... - type source super-options
std::optional<path> own_directory(std::string_view mount, std::string_view membership,
                                  version kind) {
  const std::size_t dash = mount.find(" - ");
  if (dash == std::string_view::npos) return std::nullopt;
  const auto place = split(mount.substr(0, dash), ' ');
  const auto what = split(mount.substr(dash + 3), ' ');
  if (place.size() < 5 || what.size() < 3) return std::nullopt;
  if (what[0] != (kind == version::one ? "cgroup" : "cgroup2")) return std::nullopt;
  if (kind == version::one && !has(split(what[2], ','), "memory")) return std::nullopt;
  const auto member = member_path(membership, kind);
  if (!member) return std::nullopt;
  const std::string& root = place[3];
  const std::string below =
      root != "/" && member->starts_with(root) ? member->substr(root.size()) : *member;
  return path(place[4]) / path(below).relative_path();
}

bool is_alive(pid_t process) {
  return ::kill(process, 0) == 0 || errno != ESRCH;
}

void remove_leftovers(const path& parent) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(name_begin)) continue;
    pid_t maker = 0;
    std::from_chars(name.data() + name_begin.size(), name.data() + name.size(), maker);
    if (maker > 0 && !is_alive(maker)) ::rmdir(entry.path().c_str());
  }
}

path new_name_in(const path& parent) {
  static std::atomic<unsigned> made = 0; // also by threads that audit side by side
  return parent / fmt::format("{}{}.{}", name_begin, getpid(), ++made);
}

} // namespace

memory_hierarchy find_memory_hierarchy(std::string_view mounts, std::string_view membership) {
  // The controller is in one hierarchy alone. Where version two is mounted beside version one, the latter has it.
  for (const version kind : {version::one, version::two})
    for (const std::string& mount : split(mounts, '\n'))
      if (const auto own = own_directory(mount, membership, kind)) return {kind, *own};
  throw trouble("no control group hierarchy with a memory controller is mounted here");
}

path parent_of_new_groups(const memory_hierarchy& where) {
  if (where.kind == version::one) return where.own;
  for (path group = where.own;; group = group.parent_path()) {
    if (has(words_of(text_of(group / "cgroup.subtree_control")), "memory")) return group;
    if (!std::filesystem::exists(group.parent_path() / "cgroup.subtree_control"))
      throw trouble(fmt::format("no control group from {} upward hands on the memory controller "
                                "(cgroup.subtree_control)",
                                where.own.string()));
  }
}

memory_cgroup::memory_cgroup() {
  const memory_hierarchy where =
      find_memory_hierarchy(text_of("/proc/self/mountinfo"), text_of("/proc/self/cgroup"));
  kind_ = where.kind;
  const path parent = parent_of_new_groups(where);
  remove_leftovers(parent);
  directory_ = new_name_in(parent);
  if (::mkdir(directory_.c_str(), 0755) != 0)
    throw_errno(fmt::format("making the memory control group {} (this takes root, or a group that "
                            "was delegated to this user)",
                            directory_.string()));
}

memory_cgroup::~memory_cgroup() {
  // The kernel counts a process out of its group a moment after it has been reaped.
  const timespec moment = {0, 1'000'000};
  for (int left = 1000; ::rmdir(directory_.c_str()) != 0 && errno == EBUSY && left > 0; --left)
    nanosleep(&moment, nullptr);
}

path memory_cgroup::file(const char* version_one, const char* version_two) const {
  return directory_ / (kind_ == version::one ? version_one : version_two);
}

void memory_cgroup::limit(std::uint64_t bytes) {
  write_to(file("memory.limit_in_bytes", "memory.max"), std::to_string(bytes));
  const path swap = file("memory.memsw.limit_in_bytes", "memory.swap.max");
  if (std::filesystem::exists(swap))
    write_to(swap, kind_ == version::one ? std::to_string(bytes) : "0");
}

void memory_cgroup::admit(thread_id process) {
  write_to(directory_ / "cgroup.procs", std::to_string(process.value));
}

std::uint64_t memory_cgroup::oom_kills() const {
  std::ifstream counters(file("memory.oom_control", "memory.events"));
  std::string name;
  for (std::uint64_t count = 0; counters >> name >> count;)
    if (name == "oom_kill") return count;
  throw trouble(fmt::format("{} has no count of OOM kills",
                            file("memory.oom_control", "memory.events").string()));
}

void offer_to_the_oom_killer(thread_id process) {
  write_to(fmt::format("/proc/{}/oom_score_adj", process.value), "1000");
}

void reap_memory_of(thread_id process) {
  constexpr long process_mrelease_call =
      448; // the same on every architecture; the headers may be older
  const file_descriptor handle(static_cast<int>(syscall(SYS_pidfd_open, process.value, 0)));
  if (!handle) throw_errno(fmt::format("pidfd_open of process {}", process.value));
  if (syscall(process_mrelease_call, handle.get(), 0) != 0)
    throw_errno(fmt::format("process_mrelease of process {}", process.value));
}

std::string why_no_oom_kill() {
  try {
    memory_cgroup tried;
    tried.limit(std::uint64_t{1} << 30);
    tried.oom_kills();
  } catch (const std::runtime_error& missing) { // trouble, or what the system said
    return missing.what();
  }
  // Of a process that lives the call wants nothing: EINVAL. ENOSYS before Linux 5.15; EPERM in some sandboxes.
  try {
    reap_memory_of({getpid()});
  } catch (const std::system_error& refused) {
    if (refused.code().value() != EINVAL) return refused.what();
  }
  return {};
}

} // namespace heirlock::lab
