// SPDX-License-Identifier: Apache-2.0
#include "lab/compare/saved_cases.hpp"

#include <fmt/format.h>

#include <fstream>

#include "lab/compare/replaced_file.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {

using nlohmann::ordered_json;

saved_cases::saved_cases(std::filesystem::path file, std::string surroundings)
    : file_(std::move(file)) {
  content_ = {{"surroundings", surroundings}, {"cases", ordered_json::object()}};
  if (file_.empty() || !std::filesystem::exists(file_)) return;
  std::ifstream in(file_);
  const auto found = ordered_json::parse(in, nullptr, false);
  if (!found.is_object() || !found.contains("surroundings") || !found.contains("cases") ||
      !found["cases"].is_object())
    throw trouble(fmt::format("{} does not hold a comparison: name another file with --state",
                              file_.string()));
  if (found["surroundings"] != surroundings)
    throw trouble(fmt::format(
        "{} was begun in other surroundings ({}; now {}): remove it, or name another file",
        file_.string(), found["surroundings"].dump(), surroundings));
  content_ = found;
}

const ordered_json* saved_cases::find(const std::string& key) const {
  const auto& cases = content_["cases"];
  const auto found = cases.find(key);
  return found == cases.end() ? nullptr : &*found;
}

void saved_cases::add(const std::string& key, ordered_json document) {
  content_["cases"][key] = std::move(document);
  if (file_.empty()) return;
  replaced_file(file_).replace_by(content_.dump() + '\n');
}

} // namespace heirlock::lab
