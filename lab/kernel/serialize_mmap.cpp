// SPDX-License-Identifier: Apache-2.0
// Zijlstra's suggestion, as Almeida reports it: mapping calls are serialised with the robust list's exit path, so that
// nothing else comes to lie where a pending operation points.
//
//  1. A thread asks for a change of its process's mappings.
//  2. While a sibling has a pending operation and does not sleep in a system call, the call waits.
//  3. The sibling clears the operation, goes to sleep, or dies and its list is walked; then the call goes on.
//
// A sibling that sleeps with a pending operation is inside lock(), not in the window: a release makes no
// call that sleeps before it clears the operation. One that is stalled in a page fault (by userfaultfd, say) is in no
// system call, may stand in the window, and is waited for. Waiting for a sleeper in lock() as well would be a deadlock
// when the caller holds that lock. One that spins in lock() without ever sleeping
// still is one: a kernel cannot tell it from a thread in the window.
//
// The kernel learns of 3 by looking again, for the clear is a plain store. Threads of other processes are not asked:
// their pending operations are addresses of their own mappings.
#include <sys/syscall.h>

#include <algorithm>

#include "lab/kernel/policy.hpp"
#include "lab/kernel/wake_rule_probe.hpp"

namespace heirlock::lab::kernel {
namespace {

constexpr long mapping_calls[] = {SYS_mmap,  SYS_munmap, SYS_mremap,          SYS_brk,
                                  SYS_shmat, SYS_shmdt,  SYS_remap_file_pages};

class serialize_mmap_policy final : public policy {
 public:
  std::string_view name() const override { return "serialize-mmap"; }
  std::string_view summary() const override {
    return "mapping calls wait while a sibling thread has a pending operation and does not sleep";
  }
  bool concerns_every_lock() const override { return true; }
  void thread_exits(task& dying) const override {
    walk_robust_list(dying, {wake_rule_of_this_kernel(), pending_treatment::normal, false});
  }
  std::span<const long> serialised_calls() const override { return mapping_calls; }
  bool must_wait(std::span<const sibling_state> siblings) const override {
    return std::ranges::any_of(
        siblings, [](const sibling_state& s) { return s.pending.has_value() && !s.asleep; });
  }
};

} // namespace

const policy& serialize_mmap() {
  static const serialize_mmap_policy instance;
  return instance;
}

} // namespace heirlock::lab::kernel
