// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/ids.hpp"

namespace heirlock::lab {

// Somebody who reads of dying processes in /proc, as monitors do, and comes to a halt in the middle of it. The kernel keeps
// a dead process's memory for so long, and with it the locks on files that the process had mapped. He goes on when
// somebody waits for a lock on a file, and whoever traces that one has looked at it more than once.
class memory_keeper {
 public:
  // nullptr: page faults inside the kernel cannot be halted here (userfaultfd takes privilege for that).
  static std::unique_ptr<memory_keeper> make();
  ~memory_keeper();
  memory_keeper(const memory_keeper&) = delete;
  memory_keeper& operator=(const memory_keeper&) = delete;

  // Of a thread at its exit stop; called by the tracer. What was kept before is let go.
  void keep(thread_id process);
  // How often somebody waited for what was kept.
  unsigned awaited() const { return awaited_; }

 private:
  explicit memory_keeper(file_descriptor faults);
  void read_of(thread_id process) const;
  void wait_for_a_waiter(thread_id tracer);
  void let_the_reader_go_on() const;
  void let_go();

  file_descriptor faults_;
  void* halting_page_;
  std::atomic<bool> enough_ = false;
  std::atomic<unsigned> awaited_ = 0;
  std::thread reader_;
  std::thread watcher_;
};

} // namespace heirlock::lab
