// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// Where a function is in the processes of a program. Addresses are not randomised under the tracer, so
// what was found once holds for every run in which the same files lie at the same addresses.
class function_places {
 public:
  explicit function_places(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }

  // For a process that stands at its program's entry point. Empty when it has no such function; throws
  // trouble when there are more of that name than can be watched.
  const std::vector<remote_address>& in(thread_id process);

  bool was_found() const { return was_found_; }
  // The files that were searched without finding it.
  std::string searched() const;

 private:
  std::string name_;
  std::map<std::string, std::vector<remote_address>> known_;
  std::vector<std::string> searched_;
  bool was_found_ = false;
};

} // namespace heirlock::lab
