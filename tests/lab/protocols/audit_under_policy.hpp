// SPDX-License-Identifier: Apache-2.0
// One case of the audit with a kernel policy in the kernel's place.
#pragma once

#include <string>

#include "lab/audit/audit.hpp"
#include "lab/audit/report.hpp"
#include "lab/kernel/tracee_task.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {

inline case_report audit_under(const kernel::policy& policy, const std::string& library,
                               operation op, const std::string& scenario,
                               const audit_options& extent) {
  stage_options options;
  options.subject = library;
  options.actor_program = installed_actor_program();
  options.at_exit = kernel::exit_hook_of(policy);
  options.before_reaping = kernel::reaping_hook_of(policy);
  options.state_at_exit = kernel::exit_state_of(policy);
  options.before_signal = kernel::signal_hook_of(policy);
  options.at_system_call = kernel::delay_hook_of(policy);
  const kernel::system_calls_in_force calls(policy);
  stage st(options);
  case_report report = audit_case(st, *scenario_named(scenario), op, extent);
  report.subject = library;
  return report;
}

inline case_report audit_under(const kernel::policy& policy, const std::string& library,
                               operation op, const std::string& scenario,
                               bool second_positions = false) {
  audit_options extent;
  extent.second_positions = second_positions;
  return audit_under(policy, library, op, scenario, extent);
}

// For the failure message: what was seen, and how to see it again.
inline std::string replay_under(const kernel::policy& policy, const case_report& report) {
  replay_command replay;
  replay.extra = " --policy " + std::string(policy.name());
  return text_report(report, replay);
}

// Whether the scenario asks what the reaper takes before the walk: no walk mends that.
inline bool is_about_the_reaper(const scenario& what) {
  return what.name() == "oom-kill";
}

inline unsigned count(const case_report& report, verdict what) {
  const auto found = report.verdicts.find(what);
  return found == report.verdicts.end() ? 0 : found->second;
}

inline bool is_clean(const case_report& report) {
  return !report.has_violations() && count(report, verdict::ok) > 0;
}

} // namespace heirlock::lab
