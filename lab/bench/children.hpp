// SPDX-License-Identifier: Apache-2.0
// The processes of a measurement: gone, and reaped, at the end of the scope, however it is left.
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

namespace heirlock::lab::bench {

class children {
 public:
  children() = default;
  ~children();
  children(const children&) = delete;
  children& operator=(const children&) = delete;

  // The child ends when the work returns, or with its parent. An exception in it ends it with status 1.
  pid_t start(const std::function<void()>& work);
  // Sends SIGKILL and does not wait: the caller times what follows.
  static void kill_now(pid_t child);
  // Waits for one to end. Throws trouble when it did not end well, unless it was meant to be killed.
  void reap(pid_t child, bool was_killed = false);
  void reap_all();
  // Waits, in short sleeps, until a condition holds. Throws interrupted after Ctrl-C; trouble after a minute, or when
  // one of the processes has ended meanwhile.
  void wait_until(const std::function<bool()>& condition, const char* what) const;

 private:
  std::vector<pid_t> running_;
};

// Does the kernel say that the process sleeps?
bool is_asleep(pid_t process);

} // namespace heirlock::lab::bench
