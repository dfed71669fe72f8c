// SPDX-License-Identifier: Apache-2.0
//
// 1. Rehearse: what goes wrong before the victim has done anything is said once, and is nobody's kill point.
// 2. Trace the operation once: the stops of that path are the kill points.
// 3. For each kill point: start afresh, bring the victim there, let the survivors act, kill, judge.
// 4. For each kill point once more: the victim is not killed but goes on.
// 5. Where the scenario has a second actor, enumerate its position as well, in two orders: it moves
//    while the victim stands at the kill point, or it has moved before the victim begins. Positions are
//    its accesses to shared memory and its system calls: between two of those it does nothing that
//    another thread or the kernel could tell from not having moved, so nothing is left out.
#include "lab/audit/audit.hpp"

#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "lab/process/interrupt.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

enum class order { second_after, second_before };

struct second_position {
  order when = order::second_after;
  const path* way = nullptr;
  std::size_t stop = 0;
};

class case_audit {
 public:
  case_audit(stage& st, const scenario& what, operation op, const audit_options& options)
      : stage_(st), scenario_(what), op_(op), options_(options), symbols_(st.first_process()) {}

  case_report perform();

 private:
  // A kill point is a stop of a path; different paths (the second actor changes the victim's) share it.
  using key = std::tuple<remote_address, unsigned /* occurrence */, bool /* asleep */>;

  // Lets the second actor enter its operation.
  actor& second_enters(run& r, play& p) {
    actor& second = *p.second();
    const subject_call call = *scenario_.second_call(op_);
    if (call == subject_call::unlock) r.left(second, arena::object_a);
    second.begin(call, arena::object_a);
    return second;
  }

  void rehearse();
  path trace_victim(const second_position* second);
  void learn_how_it_waits();
  path trace_second(const path* victim_way, std::size_t victim_stop);
  void judge_everywhere(const path& way, fate victim, std::uint32_t fill_bits,
                        const second_position* second);
  void judge_at(const path& way, std::size_t stop, fate victim, std::uint32_t fill_bits,
                const second_position* second);
  // Nothing where the run has not come to say anything about the victim.
  std::optional<finding> run_once(const path& way, std::size_t stop, fate victim,
                                  std::uint32_t fill_bits, const second_position* second);
  bool needs_no_victim(const finding& found) const;
  void judge_all();
  void with_second_actor(const path& main_way);
  unsigned register_stop(const path& way, std::size_t stop);
  bool second_has_positions() const {
    return options_.second_positions && scenario_.second_call(op_).has_value();
  }
  bool wanted(unsigned step) const { return !options_.kill_point || *options_.kill_point == step; }
  std::string describe(const second_position* second) const;
  std::vector<std::size_t> positions_of(const path& way) const;
  std::vector<std::size_t> kill_points_of(const path& way, fate victim, bool with_second);
  void report_progress();

  stage& stage_;
  const scenario& scenario_;
  const operation op_;
  const audit_options& options_;
  disassembler decoder_;
  symbol_table symbols_;
  waiting waiting_ = waiting::spins;
  std::map<key, unsigned> steps_;
  std::map<unsigned, verdict> worst_;
  case_report report_;
  std::size_t done_ = 0;
  std::size_t expected_ = 0;
};

// Plays the scenario until the victim would execute its first instruction.
void case_audit::rehearse() {
  stage_.clear();
  run r(stage_, scenario_, op_, 0);
  const auto play = scenario_.perform(r);
  play->set_up();
  const bool in_set_up = r.failed();
  if (!in_set_up) {
    r.victim_begins(arena::object_a);
    r.note_kill_point();
    play->at_kill_point();
  }
  if (r.failed()) report_.without_victim = {r.result(), in_set_up};
  stage_.clear();
}

bool case_audit::needs_no_victim(const finding& found) const {
  return report_.without_victim && report_.without_victim->what.what == found.what &&
         report_.without_victim->what.note == found.note;
}

// Lets the victim run, where tracing it would have to guess.
void case_audit::learn_how_it_waits() {
  stage_.clear();
  run r(stage_, scenario_, op_, 0);
  const auto play = scenario_.perform(r);
  play->set_up();
  r.victim_begins(arena::object_a);
  waiting_ = r.victim().finish().how == progress::asleep ? waiting::sleeps : waiting::spins;
  stage_.clear();
}

path case_audit::trace_victim(const second_position* second) {
  stage_.clear();
  run r(stage_, scenario_, op_, 0);
  const auto play = scenario_.perform(r);
  play->set_up();
  const auto cue = [&] { play->cue(); };
  if (second != nullptr) {
    if (!advance(second_enters(r, *play), *second->way, second->stop, [] {}))
      throw trouble("the second actor took another way than before; the lock is not deterministic");
  }
  r.victim_begins(arena::object_a);
  path way =
      trace(stage_, r.victim(), decoder_, cue, waiting_,
            options_.one_of_a_kind || (options_.one_of_a_kind_with_second && second_has_positions())
                ? comparison::of_states
                : comparison::none);
  stage_.clear();
  return way;
}

// The second actor's way while the victim stands at a stop, or before the victim begins (nullptr).
path case_audit::trace_second(const path* victim_way, std::size_t victim_stop) {
  stage_.clear();
  run r(stage_, scenario_, op_, 0);
  const auto play = scenario_.perform(r);
  play->set_up();
  if (victim_way != nullptr) {
    r.victim_begins(arena::object_a);
    if (!advance(r.victim(), *victim_way, victim_stop, [&] { play->cue(); })) return {};
  }
  path way;
  if (!play->second_is_under_way())
    way = trace(
        stage_, second_enters(r, *play), decoder_, [] {}, waiting_);
  stage_.clear();
  return way;
}

std::optional<finding> case_audit::run_once(const path& way, std::size_t stop, fate victim,
                                            std::uint32_t fill_bits,
                                            const second_position* second) {
  check_interrupt();
  stage_.clear();
  run r(stage_, scenario_, op_, fill_bits);
  const auto play = scenario_.perform(r);
  play->set_up();
  const auto move_second = [&] {
    return advance(second_enters(r, *play), *second->way, second->stop, [] {});
  };
  bool on_the_way = true;
  if (second != nullptr && second->when == order::second_before) on_the_way = move_second();
  r.victim_begins(arena::object_a);
  on_the_way = on_the_way && advance(r.victim(), way, stop, [&] { play->cue(); });
  if (second != nullptr && second->when == order::second_after)
    on_the_way = on_the_way && move_second();
  if (!on_the_way)
    throw trouble(
        fmt::format("at kill point {} of {} in {} the lock took another way than in the run "
                    "before: it is not deterministic, so it cannot be audited",
                    stop, name_of(op_), scenario_.name()));
  r.note_kill_point();
  play->at_kill_point();
  if (r.failed() && needs_no_victim(r.result())) {
    ++report_.facts.spoilt;
    stage_.clear();
    return std::nullopt;
  }
  if (victim == fate::killed) {
    r.facts().killed = 1;
    r.victim_dies();
  } else {
    r.victim_goes_on([&] { play->cue(); });
  }
  play->aftermath();
  for (std::size_t i = 0; i <= stop; ++i)
    if (way.stops[i].asleep) r.facts().slept = 1;
  r.facts().calls_held = stage_.delayed().held;
  r.facts().calls_let_go = stage_.delayed().let_go;
  report_.facts += r.facts();
  finding result = r.result();
  stage_.clear();
  return result;
}

unsigned case_audit::register_stop(const path& way, std::size_t stop) {
  const path_stop& s = way.stops[stop];
  unsigned occurrence = 0;
  for (std::size_t i = 0; i < stop; ++i)
    occurrence += way.stops[i].pc == s.pc && way.stops[i].asleep == s.asleep;
  const auto [found, is_new] =
      steps_.try_emplace({s.pc, occurrence, s.asleep}, static_cast<unsigned>(steps_.size()));
  if (is_new) {
    kill_point_report point;
    point.step = found->second;
    point.asleep = s.asleep;
    point.where = symbols_.locate(s.pc);
    point.instruction = decoder_.decode(s.pc, s.code).text;
    point.word = s.word;
    point.pending = s.pending;
    report_.kill_points.push_back(point);
  }
  return found->second;
}

std::string case_audit::describe(const second_position* second) const {
  if (second == nullptr) return {};
  const path_stop& s = second->way->stops[second->stop];
  return fmt::format("{} at {}{}, moved {} the victim",
                     second->when == order::second_before ? "stood" : "stands",
                     symbols_.locate(s.pc).describe(), s.asleep ? " (asleep)" : "",
                     second->when == order::second_before ? "before" : "after");
}

void case_audit::report_progress() {
  ++done_;
  if (options_.progress) options_.progress(done_, std::max(expected_, done_));
}

void case_audit::judge_at(const path& way, std::size_t stop, fate victim, std::uint32_t fill_bits,
                          const second_position* second) {
  const unsigned step = register_stop(way, stop);
  report_progress();
  if (!wanted(step)) return;
  std::optional<finding> said;
  for (unsigned tries = 0; tries < scenario_.tries(); ++tries) {
    if (const auto found = run_once(way, stop, victim, fill_bits, second)) said = found;
    if (said && !is_harmless(said->what)) break;
  }
  // That all was well with a victim that went on says nothing of a death here.
  if (!said || (victim == fate::goes_on && is_harmless(said->what))) return;
  const finding& result = *said;
  const auto worst = worst_.try_emplace(step, result.what).first;
  report_.kill_points[step].judged = true;
  if (result.what == verdict::ok) return;
  if (is_harmless(worst->second)) worst->second = result.what;
  if (is_harmless(result.what)) return;
  observation seen = {result, victim, fill_bits, describe(second), std::nullopt};
  if (second != nullptr) seen.second_at = symbols_.locate(second->way->stops[second->stop].pc);
  for (violation& known : report_.violations) {
    if (known.at.step == step && known.what == result.what) {
      known.seen.push_back(std::move(seen));
      return;
    }
  }
  report_.violations.push_back({report_.kill_points[step], result.what, {std::move(seen)}});
}

void case_audit::judge_everywhere(const path& way, fate victim, std::uint32_t fill_bits,
                                  const second_position* second) {
  for (const std::size_t stop : kill_points_of(way, victim, second != nullptr))
    judge_at(way, stop, victim, fill_bits, second);
}

std::vector<std::size_t> case_audit::kill_points_of(const path& way, fate victim,
                                                    bool with_second) {
  const bool one_of_a_kind =
      options_.one_of_a_kind || (with_second && options_.one_of_a_kind_with_second);
  std::vector<std::size_t> chosen;
  const std::size_t last = way.stops.size() - 1;
  std::vector<bool> behind_a_meeting(way.stops.size(), false);
  for (const std::size_t met : positions_of(way))
    behind_a_meeting[std::min(met + 1, last)] = true;
  for (std::size_t stop = 0; stop <= last; ++stop) {
    register_stop(way, stop);
    const path_stop& s = way.stops[stop];
    const bool is_new = victim == fate::killed ? s.changed : behind_a_meeting[stop] || s.asleep;
    if (!one_of_a_kind || stop == 0 || stop == last || is_new) chosen.push_back(stop);
  }
  return chosen;
}

std::vector<std::size_t> case_audit::positions_of(const path& way) const {
  std::vector<std::size_t> found;
  std::map<std::pair<remote_address, bool>, unsigned> rounds;
  // At its first instruction the second actor has done nothing yet: that is the run without it. One that
  // waits actively comes by the same places again and again, in the same state.
  for (std::size_t i = 1; i < way.stops.size(); ++i) {
    const path_stop& s = way.stops[i];
    if ((s.shared || s.asleep) && ++rounds[{s.pc, s.asleep}] <= 2) found.push_back(i);
  }
  return found;
}

void case_audit::with_second_actor(const path& main_way) {
  for (const std::size_t stop : kill_points_of(main_way, fate::killed, true)) {
    const path way = trace_second(&main_way, stop);
    for (const std::size_t position : positions_of(way)) {
      const second_position second = {order::second_after, &way, position};
      judge_at(main_way, stop, fate::killed, 0, &second);
    }
  }
  const path way = trace_second(nullptr, 0);
  for (const std::size_t position : positions_of(way)) {
    const second_position second = {order::second_before, &way, position};
    judge_everywhere(trace_victim(&second), fate::killed, 0, &second);
  }
}

case_report case_audit::perform() {
  const auto start = std::chrono::steady_clock::now();
  utsname kernel = {};
  uname(&kernel);
  report_.kernel = kernel.release;
  report_.libc = stage_.about().libc;
  report_.subject = stage_.about().subject_name;
  report_.op = op_;
  report_.scenario = scenario_.name();
  report_.victim_ends = scenario_.victim_ends(op_);

  rehearse();
  if (!report_.without_victim || !report_.without_victim->in_set_up)
    judge_all();
  else if (options_.kill_point)
    throw trouble(fmt::format(
        "kill point {} is out of range: {} in {} has none, because {} goes wrong before "
        "the victim has done anything ({}); leave out --kill-point for the report",
        *options_.kill_point, name_of(op_), scenario_.name(), report_.subject,
        report_.without_victim->what.note));

  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(report_);
}

void case_audit::judge_all() {
  learn_how_it_waits();
  const path way = trace_victim(nullptr);
  const bool with_second = second_has_positions();
  const std::size_t fills = scenario_.reuses_memory() ? 2 : 1;
  // About ten positions of a second actor in either order; only the progress bar depends on it.
  expected_ = way.stops.size() * (fills + scenario_.lets_live() + (with_second ? 20 : 0));
  judge_everywhere(way, fate::killed, 0, nullptr);
  if (fills == 2) judge_everywhere(way, fate::killed, FUTEX_WAITERS, nullptr);
  if (scenario_.lets_live()) judge_everywhere(way, fate::goes_on, 0, nullptr);
  if (with_second) with_second_actor(way);

  if (options_.kill_point && *options_.kill_point >= report_.kill_points.size())
    throw trouble(fmt::format("kill point {} is out of range: {} in {} has kill points 0 to {}",
                              *options_.kill_point, name_of(op_), scenario_.name(),
                              report_.kill_points.size() - 1));
  for (const auto& [step, v] : worst_)
    ++report_.verdicts[v];
  if (std::ranges::any_of(report_.verdicts, is_harmless, [](const auto& v) { return v.first; }))
    report_.missing =
        missing_premises(scenario_.premises(op_), report_.facts, stage_.about().subject_has_owner);
  std::stable_sort(report_.violations.begin(), report_.violations.end(),
                   [](const violation& a, const violation& b) { return a.at.step < b.at.step; });
}

} // namespace

case_report audit_case(stage& st, const scenario& what, operation op,
                       const audit_options& options) {
  if (const auto why = what.why_not(op); !why.empty())
    throw trouble(
        fmt::format("scenario {} does not apply to {}: {}", what.name(), name_of(op), why));
  if (const auto lacks = what.why_not_here(); !lacks.empty())
    throw trouble(fmt::format("scenario {} cannot be performed here: {}", what.name(), lacks));
  st.lets_locks_have_timeouts(what.waits_out_timeouts());
  st.has_guest(what.guest());
  return case_audit(st, what, op, options).perform();
}

} // namespace heirlock::lab
