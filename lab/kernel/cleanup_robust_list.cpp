// SPDX-License-Identifier: Apache-2.0
// The kernel's half of cleanup_robust_list(word), which a destroy calls before the memory gets another use:
//
//   K1. find the backing store of the word, and the offset in it
//   K2. for each process that maps it, and each thread of that process:
//   K3.   does its pending operation name the word, at the address that the word has there?
//   K4.   then clear it, if it is still what K3 has read
//
// The thread says of the pending operation that it "points to the same offset". What it points to is the list node in
// the lock, which is not the futex word; that is a fixed distance away, which each thread has told with its list head.
// So the address that is handed over must be that of the futex word, and K3 adds the distance.
#include <cerrno>

#include "lab/kernel/policy.hpp"
#include "lab/kernel/wake_rule_probe.hpp"
#include "lab/protocols/cleanup_robust_list/abi.h"

namespace heirlock::lab::kernel {
namespace {

constexpr std::uint64_t futex_alignment = 4;

class cleanup_policy final : public policy {
 public:
  std::string_view name() const override { return "cleanup-robust-list"; }
  std::string_view summary() const override {
    return "a system call clears the pending operations that name a lock, in every process that "
           "maps it";
  }
  std::string_view proposal() const override { return name(); }
  void thread_exits(task& dying) const override {
    walk_robust_list(dying, {wake_rule_of_this_kernel(), pending_treatment::normal, false});
  }

  bool has_system_calls() const override { return true; }
  std::optional<std::int64_t> make_system_call(task&, const system_call& call,
                                               reverse_mapping& pages) const override {
    if (call.number != HEIRLOCK_SYS_CLEANUP_ROBUST_LIST) return std::nullopt;
    const remote_address word = {call.arguments[0]};
    if (word.value % futex_alignment != 0) return -EINVAL;
    const bool shared = pages.visit_sharers(word, [](task& thread, remote_address there) { // K1, K2
      const auto pending = pending_operation_of(thread);
      if (pending && pending->word == there)                         // K3
        thread.memory.exchange64(pending->slot, pending->stored, 0); // K4
    });
    return shared ? 0 : -EINVAL;
  }
};

} // namespace

const policy& cleanup_robust_list() {
  static const cleanup_policy instance;
  return instance;
}

} // namespace heirlock::lab::kernel
