// SPDX-License-Identifier: Apache-2.0
// The cases that a comparison has finished, in a file that its user names, so that an interrupted run goes on.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace heirlock::lab {

class saved_cases {
 public:
  // `surroundings`: all that the verdicts depend on besides a case's own key. A file that was written in other
  // surroundings, or is no such file, is trouble: it is never overwritten. An empty path keeps nothing.
  saved_cases(std::filesystem::path file, std::string surroundings);

  // nullptr when the case has not been finished.
  const nlohmann::ordered_json* find(const std::string& key) const;
  // The file is replaced as a whole: whenever the run ends, it holds complete cases only.
  void add(const std::string& key, nlohmann::ordered_json document);

 private:
  std::filesystem::path file_;
  nlohmann::ordered_json content_;
};

} // namespace heirlock::lab
