// SPDX-License-Identifier: Apache-2.0
// The cases that a comparison has finished, in a file that its user names, so that an interrupted run goes on.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "lab/process/file_descriptor.hpp"

namespace heirlock::lab {

// A line of JSON that says what the comparison is of, then one for each case, appended when it is finished. A line that
// was being written when its writer was killed is the last one, and is dropped when the file is opened again.
class saved_cases {
 public:
  // `surroundings`: all that the verdicts depend on besides a case's own key. A file that was written in other
  // surroundings, is no such file, or is another comparison's at the moment, is trouble, and stays as it is. An empty
  // path keeps nothing.
  saved_cases(std::filesystem::path file, const std::string& surroundings);

  // Whether the last line was found cut off: its case is not known, and will be saved again.
  bool dropped_a_line() const { return dropped_a_line_; }
  // nullptr when the case has not been finished.
  const nlohmann::ordered_json* find(const std::string& key) const;
  void add(const std::string& key, nlohmann::ordered_json document);

 private:
  void read_cases(std::string_view lines);
  void append(const nlohmann::ordered_json& line);

  std::filesystem::path path_;
  file_descriptor file_;
  std::map<std::string, nlohmann::ordered_json> cases_;
  bool dropped_a_line_ = false;
};

} // namespace heirlock::lab
