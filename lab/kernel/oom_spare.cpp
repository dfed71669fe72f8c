// SPDX-License-Identifier: Apache-2.0
// Howlett's idea, page by page: what the exit walk will need is marked, and the reaper of the OOM killer (and of
// process_mrelease) passes it by.
//
//  1. All threads of the victim have left user mode for ever: none of them changes its list any more.
//  2. For each thread the reaper goes the way of the exit walk, storing nothing, and marks each page that it touches:
//     the head, every entry, every lock's word, whatever mapping they are in.
//  3. It takes the rest.
//  4. Each thread's exit walk finds all that it needs.
//
// Why 4 holds: between 2 and 4 nobody but the walks themselves changes the links that lie in private memory (1); the
// links in shared memory can be changed by others, but shared memory is not taken in the first place. Why it is little:
// a list is followed for 2,048 entries, with one page for the entry and one for the word at most.
//
// 1 is more than a reaper has today: it comes after a delay, or at once when it is called, and looks at nobody. What
// 2 costs a kernel that is out of memory (it may have to bring back pages that were swapped out) cannot be seen here.
#include "lab/kernel/policy.hpp"
#include "lab/kernel/wake_rule_probe.hpp"

namespace heirlock::lab::kernel {
namespace {

class oom_spare_policy final : public policy {
 public:
  std::string_view name() const override { return "oom-spare"; }
  std::string_view summary() const override {
    return "the reaper of the OOM killer passes by what the exit walk needs (modelled: the pages "
           "are kept aside)";
  }
  bool concerns_every_lock() const override { return true; }
  void thread_exits(task& dying) const override {
    walk_robust_list(dying, {wake_rule_of_this_kernel(), pending_treatment::normal, false});
  }
  bool spares_from_the_reaper() const override { return true; }
  void before_reaping(task& dying) const override { thread_exits(dying); }
};

} // namespace

const policy& oom_spare() {
  static const oom_spare_policy instance;
  return instance;
}

} // namespace heirlock::lab::kernel
