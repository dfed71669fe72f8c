// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

namespace heirlock::cli::test {

// A mark in the environment, which every process inherits that the command starts: by it they are found
// wherever they have been reparented to.
class process_mark {
 public:
  process_mark();

  // NAME=VALUE for the environment of the command.
  [[nodiscard]] const std::string& definition() const { return definition_; }
  // Those that bear the mark and run; zombies do not.
  [[nodiscard]] std::vector<pid_t> bearers() const;
  // Waits for the condition on their number, at most so long that only a hang can be the reason.
  [[nodiscard]] bool at_least(std::size_t number) const;
  [[nodiscard]] bool none() const;
  void kill_bearers() const;

 private:
  std::string definition_;
};

} // namespace heirlock::cli::test
