// SPDX-License-Identifier: Apache-2.0
// The built command, run as its users run it.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/cli/marked_processes.hpp"
#include "tests/seccomp.hpp"

namespace heirlock::cli::test {

struct outcome {
  int status = -1;  // exit status; -1 when a signal ended it
  int signal = 0;   // that signal
  std::string out;  // standard output
  std::string err;  // standard error, or what came on the terminal in its place
  std::string line; // the command line, to run it again by hand

  [[nodiscard]] bool out_has(const std::string& text) const;
  [[nodiscard]] bool err_has(const std::string& text) const;
  // Standard output as one JSON document; discarded() when it is anything else.
  [[nodiscard]] nlohmann::json json() const;
};
std::ostream& operator<<(std::ostream& out, const outcome& what);

// A directory that is gone, with all that is in it, at the end of the scope.
class scratch_directory {
 public:
  scratch_directory();
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory();
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool empty() const;

 private:
  std::string path_;
};

// One run. Its TMPDIR is an empty directory, and its processes bear a mark: finish() fails the test when a
// file or a process is left. A run that is not finished is killed at the end of the scope.
class command {
 public:
  explicit command(std::vector<std::string> arguments);
  command(const command&) = delete;
  command& operator=(const command&) = delete;
  ~command();

  // For before start(): done in the child before it becomes the command; may throw.
  command& with(std::function<void()> preparation);
  // Standard error, and what Ctrl-C comes from, is a terminal of its own.
  command& on_a_terminal();

  command& start();
  // Waits until so many processes run besides the command itself.
  [[nodiscard]] bool has_started_processes(std::size_t number) const;
  // Waits until the command is inside that system call; false when it ends without it.
  [[nodiscard]] bool has_entered(long system_call);
  // Waits until the text has come on the terminal; false when the command ends without it.
  [[nodiscard]] bool has_shown(const std::string& text);
  void send(int signal_number) const;
  void type(const std::string& keys) const; // on the terminal
  outcome finish();

  [[nodiscard]] const scratch_directory& temporary() const { return temporary_; }

 private:
  [[noreturn]] void become() const;
  void read_terminal();
  // Waits, while it reads the terminal, for the end of the command or for the condition. False: for neither.
  bool ends_or(const std::function<bool()>& condition);

  std::vector<std::string> arguments_;
  std::vector<std::function<void()>> preparations_;
  scratch_directory temporary_;
  process_mark mark_;
  pid_t process_ = -1;
  int process_fd_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  bool terminal_ = false;
  std::string on_terminal_;
};

outcome run(std::vector<std::string> arguments);

// Preparations. Both throw std::system_error.
void become_nobody();
using heirlock::test::refuse_system_call;
void refuse_ptrace(int error);

} // namespace heirlock::cli::test
