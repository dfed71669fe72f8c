// SPDX-License-Identifier: Apache-2.0
// A new process that gets a thread id of choice, as if the kernel's counter had come round to it (clone3(2), set_tid).
#pragma once

#include <optional>
#include <string>

#include "lab/process/system_call.hpp"
#include "lab/process/tracee.hpp"

namespace heirlock::lab {

// Empty: ids can be chosen here. Otherwise why not, and what to do about it; tried once.
const std::string& why_ids_cannot_be_chosen();

// The fork of a traced thread, made with another system call underneath: the C library's own fork runs in full, in
// parent and child, and notices nothing.
class fork_with_chosen_id {
 public:
  static constexpr std::size_t room_needed = 128;

  // `room` is memory of the parent that it does not use. The parent is stopped; from now on, until this is gone, it
  // reports its system calls.
  fork_with_chosen_id(tracee& parent, thread_id wanted, remote_address room);
  ~fork_with_chosen_id();
  fork_with_chosen_id(const fork_with_chosen_id&) = delete;
  fork_with_chosen_id& operator=(const fork_with_chosen_id&) = delete;

  // At each stop of the parent on its way through fork.
  void look();
  // The child stands before its first instruction.
  void see_child(const tracee& child) const;

 private:
  void restore(thread_id whose) const;

  tracee& parent_;
  const thread_id wanted_;
  const remote_address room_;
  const bool reported_before_;
  std::optional<system_call> replaced_;
  bool restored_ = false;
};

} // namespace heirlock::lab
