// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "lab/process/file_descriptor.hpp"

namespace heirlock::lab {

// A command line that /bin/sh runs beside the tracees, untraced, in a process group of its own. It and
// what it has left in that group are killed when the object ends.
class shell_command {
 public:
  using environment = std::vector<std::pair<std::string, std::string>>;

  shell_command(const std::string& line, const environment& added);
  shell_command(const shell_command&) = delete;
  shell_command& operator=(const shell_command&) = delete;
  ~shell_command();

  // Takes output and the end, if there is any, without blocking; true when the command has ended.
  bool poll();

  // Once it has ended: the exit status, or -1 when a signal ended it.
  int status() const { return status_; }
  bool succeeded() const { return status_ == 0; }
  std::string describe_end() const;
  // The beginning of what it printed, on either stream.
  const std::string& output() const { return output_; }

 private:
  void take_output();

  pid_t pid_ = -1;
  bool ended_ = false;
  int raw_status_ = 0;
  int status_ = -1;
  file_descriptor output_end_;
  std::string output_;
};

} // namespace heirlock::lab
