// SPDX-License-Identifier: Apache-2.0
// What tests of the race do to themselves: drop privileges, refuse system calls, count their children.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace heirlock::lab::race::test {

// For the life of the object orphans become children of this process, and so can be counted.
class foster_home {
 public:
  foster_home();
  foster_home(const foster_home&) = delete;
  foster_home& operator=(const foster_home&) = delete;
  // Kills and reaps every child that is left.
  ~foster_home();
  // True when this process has no child, dead or alive.
  [[nodiscard]] static bool empty();
  // Reaps until there is no child; false when some are still alive after `limit`.
  [[nodiscard]] static bool empties_within(std::chrono::seconds limit);
};

// Becomes nobody when it is root; does nothing otherwise. Throws std::system_error.
void drop_privileges();
// Makes the system calls fail with EPERM in this process and its children, for ever.
void refuse(const std::vector<int>& system_calls);

struct outcome {
  int status = -1; // exit status; -1 when it was ended by a signal
  std::string output;
};
// Runs `body` in a forked child with its standard output and error captured; what it throws is printed
// there and gives status 99.
[[nodiscard]] outcome in_child(const std::function<int()>& body);
// The same for a program, after `setup` in the child. Found by descriptor, so it need not be reachable for
// the user that setup() makes of it.
[[nodiscard]] outcome run_program(const std::string& path,
                                  const std::vector<std::string>& arguments,
                                  const std::function<void()>& setup = {});

} // namespace heirlock::lab::race::test
