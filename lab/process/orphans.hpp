// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <vector>

namespace heirlock::lab {

// While it lives, processes below this one whose parents end become this one's children, so that none of
// a program's gets away: neither a daemon, nor a fork that a kill has cut off from its report.
class orphan_collector {
 public:
  orphan_collector();
  orphan_collector(const orphan_collector&) = delete;
  orphan_collector& operator=(const orphan_collector&) = delete;
  ~orphan_collector();

  // Kills and reaps the children that were not there when the collector was made, and their descendants
  // as they become children in turn. Call it when nobody else waits for a child of this process.
  void end_all() const;

 private:
  std::vector<pid_t> others_;
  int was_subreaper_ = 0;
};

} // namespace heirlock::lab
