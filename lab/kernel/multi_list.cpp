// SPDX-License-Identifier: Apache-2.0
// The interface that Almeida announces, set_robust_list2: a thread has several lists, each of 64- or 32-bit links, and
// none ends after 2,048 entries.
//
//  1. Walk the list of set_robust_list(2), then the others by their index.
//  2. Of each: every entry, until the head comes, or a fault, or the list goes on for too long (long_list_limit, which
//     also says why that is enough).
//  3. Then its pending operation, also after a fault: it is named by the head, not by what the fault hides.
#include <cerrno>

#include "lab/kernel/policy.hpp"
#include "lab/kernel/wake_rule_probe.hpp"
#include "lab/protocols/multi_list/set_robust_list2.hpp"

namespace heirlock::lab::kernel {
namespace {

using robust::list_form;

std::int64_t set_robust_list2(task& caller, const system_call& call) {
  const std::uint64_t head = call.arguments[0];
  const std::uint64_t index = call.arguments[1];
  const std::uint64_t form = call.arguments[2];
  const bool narrow = form == static_cast<std::uint64_t>(list_form::narrow);
  if (index >= robust::robust_list_count ||
      (!narrow && form != static_cast<std::uint64_t>(list_form::wide)))
    return -EINVAL;
  if (narrow && head >> 32 != 0) return -EINVAL;
  if (head == 0)
    caller.more_lists.erase(index);
  else
    caller.more_lists[index] = {remote_address{head}, narrow};
  return 0;
}

class multi_list_policy final : public policy {
 public:
  std::string_view name() const override { return "multi-list"; }
  std::string_view summary() const override {
    return "several robust lists per thread, of 64- or 32-bit links, of a million entries each";
  }
  std::string_view proposal() const override { return name(); }
  void thread_exits(task& dying) const override {
    walk_rules rules;
    rules.wake = wake_rule_of_this_kernel();
    rules.limit = long_list_limit;
    rules.pending_survives_faults = true;
    walk_robust_list(dying, rules);
    for (const auto& [index, list] : dying.more_lists)
      walk_list(dying, list, rules);
  }

  bool has_system_calls() const override { return true; }
  std::optional<std::int64_t> make_system_call(task& caller, const system_call& call,
                                               reverse_mapping&) const override {
    if (call.number != robust::set_robust_list2_number) return std::nullopt;
    return set_robust_list2(caller, call);
  }
};

} // namespace

const policy& multi_list() {
  static const multi_list_policy instance;
  return instance;
}

} // namespace heirlock::lab::kernel
