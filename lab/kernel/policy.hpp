// SPDX-License-Identifier: Apache-2.0
// What a kernel does with the robust list of a dying thread: the real one's rules and each proposed change.
#pragma once

#include <span>
#include <string_view>

#include "lab/kernel/exit_walk.hpp"

namespace heirlock::lab::kernel {

class policy {
 public:
  virtual ~policy() = default;

  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;

  // False: the real kernel does the walk, nothing is called.
  virtual bool replaces_the_kernel() const { return true; }
  // The proposal that this kernel would have implemented; empty for kernels as they are.
  virtual std::string_view proposal() const { return {}; }
  // The thread is dying; its registers and memory are intact. After it the kernel gets an empty list.
  virtual void thread_exits(task& dying) const = 0;
  // A signal is about to be delivered to the thread, whose handler will run on top of what it is doing.
  virtual void signal_arrives(task&) const {}
};

// The real kernel does it.
const policy& stock();
// The same rules here. They wake as the running kernel does (wake_rule_probe.hpp).
const policy& stock_copy();
// The proposal, to the letter: inside a transaction the pending operation counts as empty.
const policy& rseq_rl_cs_as_posted();
// The proposal, mended; docs/rseq_rl_cs.md has the argument for each of the three changes.
const policy& rseq_rl_cs_mended();

std::span<const policy* const> all_policies();
// nullptr when there is none of that name.
const policy* policy_named(std::string_view name);

} // namespace heirlock::lab::kernel
