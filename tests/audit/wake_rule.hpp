// SPDX-License-Identifier: Apache-2.0
// What becomes of a wake-up that a dead waiter has taken along depends on the kernel: since 6d4514ca9cdf it is handed on also
// where a newcomer is in the lock, if the word says nothing of sleepers. A test of that chooses the rule.
#pragma once

#include "lab/kernel/tracee_task.hpp"

namespace heirlock::lab {

class kernel_with_wake_rule final : public kernel::policy {
 public:
  explicit kernel_with_wake_rule(kernel::wake_rule rule) : rule_(rule) {}
  std::string_view name() const override { return "stock-copy"; }
  std::string_view summary() const override { return {}; }
  void thread_exits(kernel::task& dying) const override {
    kernel::walk_robust_list(dying, {rule_, kernel::pending_treatment::normal, false});
  }

 private:
  kernel::wake_rule rule_;
};

} // namespace heirlock::lab
