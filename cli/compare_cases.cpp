// SPDX-License-Identifier: Apache-2.0
// ptrace(2) binds tracees to the thread that traces them, so a worker is a thread with a stage of its own, and stays on a
// CPU of its own: no run of one can meet a run of another. A worker takes the cases of one entrant in one scenario at a
// time.
#include "cli/compare_cases.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "cli/invocation.hpp"
#include "cli/progress_bar.hpp"
#include "lab/audit/audit.hpp"
#include "lab/audit/report.hpp"
#include "lab/kernel/tracee_task.hpp"
#include "lab/process/interrupt.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::cli {
namespace {

using namespace heirlock::lab;
using nlohmann::ordered_json;

constexpr std::size_t most_workers = 8;

std::vector<unsigned> cpus_of_this_process() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) throw_errno("sched_getaffinity");
  std::vector<unsigned> found;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &allowed)) found.push_back(cpu);
  return found;
}

void stay_on(unsigned cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one); // only speed depends on it
}

std::string key_of(const entrant& e, const planned_case& p) {
  return fmt::format("{} {} {} {} {}", e.subject.name, e.version, e.policy->name(), p.what->name(),
                     name_of(p.op));
}

bool serves(const kernel::policy& policy, const scenario& what) {
  return what.needs_policy().empty() || what.needs_policy() == policy.name();
}

// Cases of one entrant that follow each other in the plan, all of one scenario.
struct errand {
  const entrant* who;
  std::size_t first; // in the plan
  std::size_t behind;
  std::size_t result; // of the first, among all documents
};

class workshop {
 public:
  workshop(const std::vector<entrant>& entrants, const std::vector<planned_case>& plan, extent of,
           saved_cases& saved)
      : plan_(plan), extent_(of), saved_(saved) {
    std::size_t results = 0;
    for (const entrant& e : entrants)
      for (std::size_t first = 0, behind = 0; first < plan.size(); first = behind) {
        while (behind < plan.size() && plan[behind].what == plan[first].what)
          ++behind;
        if (!serves(*e.policy, *plan[first].what)) continue;
        errands_.push_back({&e, first, behind, results});
        results += behind - first;
      }
    documents_.resize(results);
  }

  ordered_json run() {
    std::vector<std::thread> workers;
    auto cpus = cpus_of_this_process();
    cpus.resize(std::min(cpus.size(), most_workers));
    workers.reserve(cpus.size());
    for (const unsigned cpu : cpus)
      workers.emplace_back([this, cpu] { work(cpu); });
    for (std::thread& worker : workers)
      worker.join();
    if (failure_) std::rethrow_exception(failure_);
    ordered_json all = ordered_json::array();
    for (ordered_json& document : documents_)
      all.push_back(std::move(document));
    return all;
  }

 private:
  void work(unsigned cpu) {
    try {
      stay_on(cpu);
      while (const auto next = take_errand())
        carry_out(*next);
    } catch (...) {
      const std::scoped_lock guard(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  std::optional<errand> take_errand() {
    const std::scoped_lock guard(mutex_);
    if (failure_ || taken_ == errands_.size()) return std::nullopt;
    return errands_[taken_++];
  }

  void carry_out(const errand& task) {
    const entrant& e = *task.who;
    const kernel::system_calls_in_force calls(*e.policy);
    std::unique_ptr<stage> st; // only when something is left to do
    for (std::size_t i = task.first; i < task.behind; ++i) {
      const planned_case& p = plan_[i];
      ordered_json& document = documents_[task.result + (i - task.first)];
      if (is_known(key_of(e, p), document)) continue;
      if (!st) st = std::make_unique<stage>(surroundings_of(e));
      document = audited(*st, e, p);
      note_done(key_of(e, p), document);
    }
  }

  static stage_options surroundings_of(const entrant& e) {
    stage_options around;
    around.subject = e.subject.library;
    around.actor_program = installed_actor_program();
    around.at_exit = kernel::exit_hook_of(*e.policy);
    around.before_reaping = kernel::reaping_hook_of(*e.policy);
    around.state_at_exit = kernel::exit_state_of(*e.policy);
    around.before_signal = kernel::signal_hook_of(*e.policy);
    around.at_system_call = kernel::delay_hook_of(*e.policy);
    return around;
  }

  ordered_json audited(stage& st, const entrant& e, const planned_case& p) {
    audit_options options;
    options.second_positions = extent_ == extent::full;
    options.one_of_a_kind = extent_ == extent::quick && is_contended(p.op);
    options.one_of_a_kind_with_second = true;
    options.progress = [&](std::size_t, std::size_t) { show_progress(e, p); };
    case_report report = audit_case(st, *p.what, p.op, options);
    report.subject = e.subject.name;
    report.policy = e.policy->name();
    replay_command replay = {invocation(), {}};
    if (e.policy->replaces_the_kernel())
      replay.extra = fmt::format(" --policy {}", e.policy->name());
    return json_report(report, replay);
  }

  bool is_known(const std::string& key, ordered_json& document) {
    const std::scoped_lock guard(mutex_);
    const auto* const known = saved_.find(key);
    if (known == nullptr) return false;
    document = *known;
    ++done_;
    return true;
  }

  void note_done(const std::string& key, const ordered_json& document) {
    const std::scoped_lock guard(mutex_);
    saved_.add(key, document);
    ++done_;
  }

  void show_progress(const entrant& e, const planned_case& p) {
    const std::scoped_lock guard(mutex_);
    if (failure_) throw interrupted(); // the other worker has said why
    bar_.label(fmt::format("{} {} {}", e.subject.name, p.what->name(), name_of(p.op)));
    bar_.show(done_, documents_.size());
  }

  const std::vector<planned_case>& plan_;
  const extent extent_;
  std::vector<errand> errands_;

  std::mutex
      mutex_; // of what follows; a document belongs to the worker on its errand until all have ended
  saved_cases& saved_;
  progress_bar bar_{"compare"};
  std::size_t taken_ = 0;
  std::size_t done_ = 0;
  std::exception_ptr failure_;

  std::vector<ordered_json> documents_;
};

} // namespace

ordered_json audited_cases(const std::vector<entrant>& entrants,
                           const std::vector<planned_case>& plan, extent of, saved_cases& saved) {
  return workshop(entrants, plan, of, saved).run();
}

} // namespace heirlock::cli
