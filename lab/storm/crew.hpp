// SPDX-License-Identifier: Apache-2.0
// The workers' processes, as the controller sees them.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "lab/process/file_descriptor.hpp"
#include "lab/process/orphans.hpp"
#include "lab/storm/arena.hpp"

namespace heirlock::lab::storm {

// Beside the running program, or where it is installed.
std::filesystem::path installed_worker_program();

// Starts the first process with the lock. When it ends, in whatever way, all its processes are gone.
class crew {
 public:
  crew(const std::string& subject, const settings& chosen);
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;
  ~crew();

  arena& shared() { return *shared_; }
  const arena& shared() const { return *shared_; }

  // A new process in that place.
  void start(unsigned place);
  bool alive(unsigned place) const { return processes_[place].pid > 0; }
  std::uint32_t serial(unsigned place) const { return processes_[place].serial; }

  struct ending {
    int raw; // as waitpid gives it
    std::string doing;
  };
  // SIGKILL, unless `by_itself`, and waits until the process is gone and the kernel has done with it. `asked`: the
  // thread whose doings are wanted.
  ending end(unsigned place, pid_t asked, bool by_itself = false);
  // Whether the process has ended, which it should not have by itself.
  bool has_ended(unsigned place);
  heirlock_storm_counters counters();

 private:
  struct process {
    pid_t pid = 0;
    std::uint32_t serial = 0;
  };
  answer ask(const order& o);

  orphan_collector orphans_; // first: what is left when all else is gone is collected last
  arena* shared_ = nullptr;
  file_descriptor orders_;
  pid_t first_ = -1;
  std::vector<process> processes_;
  std::uint32_t serials_ = 0;
};

} // namespace heirlock::lab::storm
