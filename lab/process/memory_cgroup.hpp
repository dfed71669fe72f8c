// SPDX-License-Identifier: Apache-2.0
// A memory control group of our own, so that the kernel's OOM killer can be called upon for one process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// Where groups with a memory controller can be made, and how their files are named there.
struct memory_hierarchy {
  enum class version { one, two };

  version kind = version::one;
  std::filesystem::path own; // the group of the asking process
};

// From the texts of /proc/self/mountinfo and /proc/self/cgroup. Throws trouble when no hierarchy that is mounted has
// the controller.
memory_hierarchy find_memory_hierarchy(std::string_view mounts, std::string_view membership);
// Where a new group would get the controller: in version two that depends on the groups above. Throws trouble.
std::filesystem::path parent_of_new_groups(const memory_hierarchy& where);

class memory_cgroup {
 public:
  // Throws trouble that says what is missing. Groups of dead predecessors, which were killed before they could clean
  // up, are removed.
  memory_cgroup();
  memory_cgroup(const memory_cgroup&) = delete;
  memory_cgroup& operator=(const memory_cgroup&) = delete;
  // Its processes are to be gone.
  ~memory_cgroup();

  // No swap beside it.
  void limit(std::uint64_t bytes);
  void admit(thread_id process);
  // How often the OOM killer has struck in it.
  std::uint64_t oom_kills() const;

 private:
  std::filesystem::path file(const char* version_one, const char* version_two) const;

  memory_hierarchy::version kind_;
  std::filesystem::path directory_;
};

// Makes a process the first choice of the OOM killer.
void offer_to_the_oom_killer(thread_id process);

// Has the kernel's reaper take the private memory of a process that is being killed: process_mrelease(2), the OOM
// reaper's own work at another's request. Throws trouble.
void reap_memory_of(thread_id process);

// What of all this cannot be had here; empty when it can.
std::string why_no_oom_kill();

} // namespace heirlock::lab
