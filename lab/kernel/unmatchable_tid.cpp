// SPDX-License-Identifier: Apache-2.0
// What musl does in pthread_exit, as the discussion tells it, done for every end of a thread: recursive and error-checking
// mutexes are on the thread's list like robust ones, and get an owner whom nobody can be.
//
//  1. Walk the list, without the limit of 2,048: a lock that is forgotten keeps a TID that somebody will have again.
//  2. A robust lock is seen to as ever.
//  3. A word of one that is not robust, if it names the dead: unmatchable TID, FUTEX_WAITERS kept. Nobody is woken, as
//     nobody will get the lock.
//  4. Then the pending operation, by 2 and 3.
#include "lab/kernel/policy.hpp"
#include "lab/kernel/wake_rule_probe.hpp"
#include "lab/protocols/unmatchable_tid/mutex_kind.hpp"

namespace heirlock::lab::kernel {
namespace {

std::optional<std::uint32_t> owner_of_the_unowned(task_memory& memory, remote_address word) {
  const auto kind = memory.read32(word + robust::kind_distance);
  if (!kind) return std::nullopt;
  switch (static_cast<robust::mutex_kind>(*kind)) {
  case robust::mutex_kind::recursive:
  case robust::mutex_kind::errorcheck:
    return robust::unmatchable_tid;
  }
  return std::nullopt;
}

class unmatchable_tid_policy final : public policy {
 public:
  std::string_view name() const override { return "unmatchable-tid"; }
  std::string_view summary() const override {
    return "recursive and error-checking mutexes on the list get an owner whom nobody can be";
  }
  std::string_view proposal() const override { return name(); }
  void thread_exits(task& dying) const override {
    walk_rules rules;
    rules.wake = wake_rule_of_this_kernel();
    rules.limit = long_list_limit;
    rules.given_to = owner_of_the_unowned;
    walk_robust_list(dying, rules);
  }
};

} // namespace

const policy& unmatchable_tid() {
  static const unmatchable_tid_policy instance;
  return instance;
}

} // namespace heirlock::lab::kernel
