// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/saved_cases.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

using nlohmann::ordered_json;

constexpr const char* subject_of_the_file = "comparison";

std::string content_of(int file) {
  std::string content;
  std::array<char, 65536> part = {};
  for (ssize_t got = 0; (got = ::read(file, part.data(), part.size())) != 0;) {
    if (got > 0)
      content.append(part.data(), static_cast<std::size_t>(got));
    else if (errno != EINTR)
      throw_errno("reading saved cases");
  }
  return content;
}

} // namespace

saved_cases::saved_cases(std::filesystem::path file, const std::string& surroundings)
    : path_(std::move(file)) {
  if (path_.empty()) return;
  file_ = file_descriptor(::open(path_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
  struct stat about = {};
  if (!file_ || fstat(file_.get(), &about) != 0)
    throw trouble(
        fmt::format("cannot write {}: {}", path_.string(), std::generic_category().message(errno)));
  if (!S_ISREG(about.st_mode))
    throw trouble(fmt::format("{} is no regular file: name another with --state", path_.string()));
  if (flock(file_.get(), LOCK_EX | LOCK_NB) != 0)
    throw trouble(fmt::format("{} is in use by another comparison", path_.string()));

  const ordered_json header = {{subject_of_the_file, surroundings}};
  const std::string first_line = header.dump() + '\n';
  const std::string content = content_of(file_.get());
  const std::size_t whole = content.rfind('\n') + 1; // npos + 1 is 0
  if (whole == 0 && !first_line.starts_with(content))
    throw trouble(fmt::format("{} does not hold a comparison: name another file with --state",
                              path_.string()));
  if (whole != 0) {
    const std::string_view found = std::string_view(content).substr(0, content.find('\n') + 1);
    const auto what = ordered_json::parse(found, nullptr, false);
    if (!what.is_object() || what.size() != 1 || !what.contains(subject_of_the_file))
      throw trouble(fmt::format("{} does not hold a comparison: name another file with --state",
                                path_.string()));
    if (found != first_line)
      throw trouble(fmt::format(
          "{} was begun in other surroundings ({}; now {}): remove it, or name another file",
          path_.string(), what[subject_of_the_file].dump(), surroundings));
    read_cases(std::string_view(content).substr(found.size(), whole - found.size()));
  }
  if (whole != content.size()) {
    if (ftruncate(file_.get(), static_cast<off_t>(whole)) != 0) throw_errno("ftruncate");
    dropped_a_line_ = whole != 0;
  }
  if (whole == 0) append(header);
}

void saved_cases::read_cases(std::string_view lines) {
  while (!lines.empty()) {
    const std::size_t length = lines.find('\n') + 1;
    auto line = ordered_json::parse(lines.substr(0, length), nullptr, false);
    if (!line.is_object() || !line.contains("key") || !line["key"].is_string() ||
        !line.contains("case"))
      throw trouble(fmt::format("{} has a line that is no case of a comparison: remove it, or "
                                "name another file with --state",
                                path_.string()));
    cases_[line["key"]] = std::move(line["case"]);
    lines.remove_prefix(length);
  }
}

const ordered_json* saved_cases::find(const std::string& key) const {
  const auto found = cases_.find(key);
  return found == cases_.end() ? nullptr : &found->second;
}

void saved_cases::add(const std::string& key, ordered_json document) {
  if (file_) append({{"key", key}, {"case", document}});
  cases_[key] = std::move(document);
}

void saved_cases::append(const ordered_json& line) {
  constexpr auto bad_bytes = ordered_json::error_handler_t::replace;
  const std::string text = line.dump(-1, ' ', false, bad_bytes) + '\n';
  for (std::string_view left = text; !left.empty();) {
    const ssize_t put = ::write(file_.get(), left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0)
      throw trouble(fmt::format("cannot write {}: {}", path_.string(),
                                std::generic_category().message(errno)));
    left.remove_prefix(static_cast<std::size_t>(put));
  }
}

} // namespace heirlock::lab
