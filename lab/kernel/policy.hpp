// SPDX-License-Identifier: Apache-2.0
// What a kernel does with the robust list of a dying thread: the real one's rules and each proposed change.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lab/kernel/exit_walk.hpp"
#include "lab/process/system_call.hpp"

namespace heirlock::lab::kernel {

// Who else maps a page: what the kernel keeps for each file.
class reverse_mapping {
 public:
  virtual ~reverse_mapping() = default;

  using visitor = std::function<void(task& thread, remote_address word)>;
  // Visits each thread of each process that maps the caller's word too, with the word's address there. Of the tasks only memory and list head are known. False: the word is not in shared memory.
  virtual bool visit_sharers(remote_address word, const visitor& visit) = 0;
};

// What a kernel can see of another thread of a process that makes a system call.
struct sibling_state {
  std::optional<pending_operation> pending;
  bool asleep = false; // in a system call
};

class policy {
 public:
  virtual ~policy() = default;

  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;

  // False: the real kernel does the walk, nothing is called.
  virtual bool replaces_the_kernel() const { return true; }
  // The proposal that this kernel would have implemented; empty for kernels as they are.
  virtual std::string_view proposal() const { return {}; }
  // A proposal that changes the kernel alone: locks as they are profit from it, or not.
  virtual bool concerns_every_lock() const { return false; }
  // The thread is dying; its registers and memory are intact. After it the kernel gets an empty list.
  virtual void thread_exits(task& dying) const = 0;
  // What of the thread's registers, and of private memory other than the heads of its lists, thread_exits goes by: where
  // this is the same, and the lists and the memory of all are, the thread dies in the same way.
  virtual std::vector<std::uint64_t> standing(task&) const { return {}; }
  // A signal is about to be delivered to the thread, whose handler will run on top of what it is doing.
  virtual void signal_arrives(task&) const {}

  // The reaper of the OOM killer is about to take the private memory of the thread's process, but not the pages that are
  // looked at here; nothing is stored. True: the policy has such a reaper.
  virtual bool spares_from_the_reaper() const { return false; }
  virtual void before_reaping(task&) const {}

  // System calls that the running kernel does not have: the result, or nullopt when it is not one of them.
  virtual bool has_system_calls() const { return false; }
  virtual std::optional<std::int64_t> make_system_call(task&, const system_call&,
                                                       reverse_mapping&) const {
    return std::nullopt;
  }

  // System calls that may have to wait, by number, and whether one has to as long as the siblings of its caller are in
  // this state.
  virtual std::span<const long> serialised_calls() const { return {}; }
  virtual bool must_wait(std::span<const sibling_state>) const { return false; }
};

// The real kernel does it.
const policy& stock();
// The same rules here. They wake as the running kernel does (wake_rule_probe.hpp).
const policy& stock_copy();
// The proposal, to the letter: inside a transaction the pending operation counts as empty.
const policy& rseq_rl_cs_as_posted();
// The proposal, mended; docs/rseq_rl_cs.md has the argument for each of the five changes.
const policy& rseq_rl_cs_mended();

// The system call of the proposal, for destroy (cleanup_robust_list.cpp).
const policy& cleanup_robust_list();
// What Linux 7.2 has (futex_robust_unlock.cpp).
const policy& futex_robust_unlock();

// Mapping calls of a process wait while one of its threads may be in the window.
const policy& serialize_mmap();

// Several lists per thread, 64- and 32-bit, without a limit.
const policy& multi_list();

// The reaper of the OOM killer leaves what the exit walk needs.
const policy& oom_spare();

// Recursive and error-checking mutexes on the list get an owner whom nobody can be (unmatchable_tid.cpp).
const policy& unmatchable_tid();

std::span<const policy* const> all_policies();
// nullptr when there is none of that name.
const policy* policy_named(std::string_view name);

} // namespace heirlock::lab::kernel
