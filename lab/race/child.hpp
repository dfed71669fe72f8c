// SPDX-License-Identifier: Apache-2.0
// A child process that cannot outlive its parent or its object.
#pragma once

#include <functional>
#include <sys/types.h>

namespace heirlock::lab::race {

// How a child ended: by a signal, or by an exit status.
struct ending {
  int signal = 0; // 0 when it exited
  int status = 0; // when it exited
  [[nodiscard]] bool killed() const;
};

class child {
 public:
  // Forks; `body` runs in the child, whose exit status is what it returns (an exception: 70). All
  // signals that can be blocked are blocked in the child, so that Ctrl-C is the parent's to handle, and
  // the child is killed when the thread that called this ends, be it by SIGKILL. The caller should have
  // one thread only, or a body that calls nothing that needs another thread's locks.
  explicit child(const std::function<int()>& body);
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  // Kills and reaps what is still there.
  ~child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Sends SIGKILL, waits, and says how the child ended: it may have been dead before.
  ending kill_and_reap();
  // True when the child has ended, which it should not; does not reap.
  [[nodiscard]] bool ended() const;

 private:
  pid_t pid_;
};

} // namespace heirlock::lab::race
