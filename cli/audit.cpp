// SPDX-License-Identifier: Apache-2.0
// heirlock audit: kill a lock at every instruction, and judge.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/audit_at.hpp"
#include "cli/choices.hpp"
#include "cli/invocation.hpp"
#include "cli/numbers.hpp"
#include "cli/progress_bar.hpp"
#include "cli/verbs.hpp"
#include "lab/audit/audit.hpp"
#include "lab/audit/program_report.hpp"
#include "lab/audit/report.hpp"
#include "lab/kernel/tracee_task.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::cli {
namespace {

using namespace heirlock::lab;

struct audit_arguments {
  std::string subject;
  std::vector<std::string> ops;
  std::vector<std::string> scenarios;
  int kill_point = -1;
  std::string libc;
  std::string policy = "stock";
  bool json = false;
  bool list = false;
};

struct chosen_case {
  operation op;
  const scenario* what;
};

std::vector<chosen_case> chosen_cases(const audit_arguments& arguments) {
  std::vector<chosen_case> cases;
  std::string why_none;
  for (const scenario* what : chosen_scenarios(arguments.scenarios, arguments.policy)) {
    for (const operation op : chosen_operations(arguments.ops)) {
      const auto why_not = what->why_not(op);
      if (why_not.empty()) {
        cases.push_back({op, what});
      } else {
        why_none =
            fmt::format("scenario {} does not apply to {}: {}", what->name(), name_of(op), why_not);
      }
    }
  }
  if (cases.empty()) throw trouble(why_none);
  return cases;
}

// A lock that needs a changed kernel is judged under another one, or a changed kernel by a lock that does not use the
// change: that is a result, but not about the proposal.
std::string caveat_of(std::string_view needed, const kernel::policy& policy) {
  if (policy.proposal() == needed) return {};
  if (needed.empty())
    return fmt::format(
        "this lock does not make use of {}: of the policy {} it sees only what concerns "
        "every lock",
        policy.proposal(), policy.name());
  return fmt::format("this lock needs a kernel that implements {}, of which the policy {} knows "
                     "nothing; give --policy {}",
                     needed, policy.name(), needed);
}

std::string caveat_of(const scenario& what, const kernel::policy& policy) {
  if (what.needs_policy().empty() || what.needs_policy() == policy.name()) return {};
  return fmt::format("without --policy {} this scenario fails every lock", what.needs_policy());
}

exit_status run_audit(const audit_arguments& arguments) {
  if (arguments.list) {
    if (arguments.json)
      fmt::print("{}\n", choices_document().dump(2));
    else
      print_choices();
    return exit_status::nothing_wrong;
  }
  const std::string subject = chosen_subject(arguments.subject);
  const auto cases = chosen_cases(arguments);
  audit_options options;
  if (arguments.kill_point >= 0) {
    if (cases.size() != 1)
      throw trouble(
          "--kill-point counts in one operation and one scenario: give --op and --scenario");
    options.kill_point = static_cast<unsigned>(arguments.kill_point);
  }
  const kernel::policy& policy = chosen_policy(arguments.policy);
  replay_command replay = {invocation(), {}};
  if (!arguments.libc.empty()) replay.extra = " --libc " + shell_quoted(arguments.libc);

  if (policy.replaces_the_kernel()) replay.extra += fmt::format(" --policy {}", policy.name());

  stage_options surroundings;
  surroundings.at_exit = kernel::exit_hook_of(policy);
  surroundings.before_reaping = kernel::reaping_hook_of(policy);
  surroundings.state_at_exit = kernel::exit_state_of(policy);
  surroundings.before_signal = kernel::signal_hook_of(policy);
  surroundings.at_system_call = kernel::delay_hook_of(policy);
  surroundings.subject = subject;
  surroundings.actor_program = installed_actor_program();
  surroundings.libc = arguments.libc;
  const kernel::system_calls_in_force calls(policy);
  stage st(surroundings);
  const std::string caveat = caveat_of(st.about().subject_policy, policy);
  std::vector<case_report> reports;
  {
    progress_bar bar(arguments.subject);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      bar.label(fmt::format("{} {} ({} of {})", name_of(cases[i].op), cases[i].what->name(), i + 1,
                            cases.size()));
      options.progress = [&](std::size_t done, std::size_t of) {
        bar.show(i * of + done, cases.size() * of);
      };
      reports.push_back(audit_case(st, *cases[i].what, cases[i].op, options));
      // What a replay needs; the name in a library may be another one.
      reports.back().subject = arguments.subject;
      reports.back().policy = policy.name();
      const std::string of_scenario = caveat_of(*cases[i].what, policy);
      reports.back().caveat = of_scenario.empty() ? caveat : of_scenario;
    }
  }
  bool wrong = false;
  nlohmann::ordered_json documents = nlohmann::ordered_json::array();
  if (!arguments.json)
    fmt::print("{} on Linux {}, policy {}\n\n", reports.front().libc, reports.front().kernel,
               policy.name());
  for (const case_report& report : reports) {
    wrong = wrong || report.has_violations();
    if (arguments.json) {
      documents.push_back(json_report(report, replay));
    } else {
      fmt::print("{}\n", text_report(report, replay));
    }
  }
  const auto left_out = scenarios_left_out(arguments.scenarios);
  if (!arguments.json) fmt::print("{}", left_out_text(left_out));
  if (arguments.json) {
    auto document =
        documents.size() == 1 ? documents.front() : nlohmann::ordered_json{{"cases", documents}};
    if (!left_out.empty()) document["not_performed"] = left_out;
    fmt::print("{}\n", document.dump(2));
  }
  return wrong ? exit_status::violations : exit_status::nothing_wrong;
}

} // namespace

void add_audit(CLI::App& app, action& chosen) {
  auto* const verb =
      app.add_subcommand("audit", "kill a lock at every instruction and judge what is left");
  const auto arguments = std::make_shared<audit_arguments>();
  verb->add_option("--subject", arguments->subject,
                   "the lock: a name, or ./my_lock.so (see --list)");
  verb->add_option("--op", arguments->ops, "only this operation (may be repeated)")->delimiter(',');
  verb->add_option("--scenario", arguments->scenarios, "only this scenario (may be repeated)")
      ->delimiter(',');
  verb->add_option("--kill-point", arguments->kill_point,
                   "only this kill point, as numbered in the report")
      ->check(whole_number(0));
  verb->add_option("--libc", arguments->libc,
                   "run the lock on this libc.so.6 (its loader lies beside it)");
  verb->add_option(
          "--policy", arguments->policy,
          "who sees to the robust list of the dead: stock (the running kernel), or the rules of "
          "another (see --list)")
      ->capture_default_str();
  verb->add_flag("--json", arguments->json, "print one JSON document");
  verb->add_flag("--list", arguments->list, "list subjects, operations, scenarios and policies");
  const auto at = std::make_shared<audit_at_arguments>();
  add_audit_at_options(*verb, *at);
  verb->callback([verb, arguments, at, &chosen] {
    if (!is_audit_at(*verb)) {
      chosen = [arguments] { return run_audit(*arguments); };
      return;
    }
    for (const char* other : {"--subject", "--op", "--scenario", "--libc", "--policy", "--list"})
      if (verb->count(other) > 0)
        throw CLI::ValidationError(
            other, "is for a lock that heirlock itself drives; leave it out to audit a program of "
                   "your own (--at FUNCTION -- PROG ARGS)");
    chosen = [arguments, at] { return run_audit_at(*at, arguments->kill_point, arguments->json); };
  });
}

} // namespace heirlock::cli
