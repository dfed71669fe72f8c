// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel/policy.hpp"

#include "lab/kernel/unlock_transaction.hpp"
#include "lab/kernel/wake_rule_probe.hpp"

namespace heirlock::lab::kernel {
namespace {

// As a word of policy::standing.
std::uint64_t is_in_transaction(task& of) {
  return find_transaction(of) == transaction_state::inside ? 1 : 0;
}

class stock_policy final : public policy {
 public:
  std::string_view name() const override { return "stock"; }
  std::string_view summary() const override { return "the real kernel walks the robust list"; }
  bool replaces_the_kernel() const override { return false; }
  void thread_exits(task&) const override {}
};

class stock_copy_policy final : public policy {
 public:
  std::string_view name() const override { return "stock-copy"; }
  std::string_view summary() const override {
    return "the rules of the running kernel, in user space";
  }
  void thread_exits(task& dying) const override {
    walk_robust_list(dying, {wake_rule_of_this_kernel(), pending_treatment::normal, false});
  }
};

class as_posted_policy final : public policy {
 public:
  std::string_view name() const override { return "rseq-rl-cs"; }
  std::string_view summary() const override {
    return "as posted: inside an unlock transaction the pending operation counts as empty";
  }
  std::string_view proposal() const override { return name(); }
  void thread_exits(task& dying) const override {
    const bool inside = find_transaction(dying) == transaction_state::inside;
    walk_robust_list(dying,
                     {wake_rule_of_this_kernel(),
                      inside ? pending_treatment::as_empty : pending_treatment::normal, false});
  }
  std::vector<std::uint64_t> standing(task& of) const override { return {is_in_transaction(of)}; }
};

class mended_policy final : public policy {
 public:
  std::string_view name() const override { return "rseq-rl-cs-mended"; }
  std::string_view summary() const override {
    return "inside a transaction the pending operation is a wake; completed before a signal "
           "handler runs; "
           "looked at before the list, which may be long and is walked from both ends";
  }
  std::string_view proposal() const override { return rseq_rl_cs_as_posted().name(); }
  void thread_exits(task& dying) const override {
    const bool inside = find_transaction(dying) == transaction_state::inside;
    walk_rules rules;
    if (inside) rules.pending = pending_treatment::wake_only;
    rules.pending_first = true;
    rules.limit = long_list_limit;
    rules.from_the_end = end_of_list(dying);
    walk_robust_list(dying, rules);
  }
  std::vector<std::uint64_t> standing(task& of) const override {
    const auto end = end_of_list(of).value_or(other_end());
    return {is_in_transaction(of), end.last, static_cast<std::uint64_t>(end.back_offset)};
  }
  // Once the handler runs, the instruction pointer says nothing any more, so the transaction is completed now:
  // the wake first, as in the thread's own order, then the clear. The thread does both again when the handler
  // has returned: a wake too many, and a store of 0 over 0.
  void signal_arrives(task& interrupted) const override {
    if (find_transaction(interrupted) != transaction_state::inside) return;
    const auto pending = pending_operation_of(interrupted);
    if (!pending) return;
    if (!pending->priority_inheritance) interrupted.memory.wake_one(pending->word);
    interrupted.memory.write64(pending->slot, 0);
  }
};

} // namespace

const policy& stock() {
  static const stock_policy instance;
  return instance;
}

const policy& stock_copy() {
  static const stock_copy_policy instance;
  return instance;
}

const policy& rseq_rl_cs_as_posted() {
  static const as_posted_policy instance;
  return instance;
}

const policy& rseq_rl_cs_mended() {
  static const mended_policy instance;
  return instance;
}

std::span<const policy* const> all_policies() {
  static const policy* const all[] = {&stock(),
                                      &stock_copy(),
                                      &rseq_rl_cs_as_posted(),
                                      &rseq_rl_cs_mended(),
                                      &cleanup_robust_list(),
                                      &futex_robust_unlock(),
                                      &serialize_mmap(),
                                      &multi_list(),
                                      &unmatchable_tid(),
                                      &oom_spare()};
  return all;
}

const policy* policy_named(std::string_view name) {
  for (const policy* p : all_policies())
    if (p->name() == name) return p;
  return nullptr;
}

} // namespace heirlock::lab::kernel
