// SPDX-License-Identifier: Apache-2.0
#include "lab/storm/storm.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>

#include <chrono>
#include <csignal>

#include "lab/process/interrupt.hpp"
#include "lab/process/thread_state.hpp"
#include "lab/process/trouble.hpp"
#include "lab/storm/crew.hpp"
#include "lab/storm/patience.hpp"

namespace heirlock::lab::storm {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// How long to look for a victim in the state aimed at before anyone will do.
constexpr auto longest_search = 2ms;
constexpr auto longest_birth = 50ms;
constexpr unsigned kills_per_exec = 32;

void pause_for(std::chrono::microseconds time) {
  const timespec delay{0, static_cast<long>(time.count()) * 1000};
  nanosleep(&delay, nullptr);
}

settings without_what_is_missing(settings s, const arena& a) {
  const auto drop = [&](way each) { s.ways &= ~static_cast<std::uint32_t>(each); };
  if (!a.has_timedlock) drop(way::timed);
  if (!a.has_thread_leave) drop(way::detach);
  if (s.threads == 1) drop(way::exit);
  return s;
}

class run {
 public:
  explicit run(const storm_options& options)
      : options_(options), crew_(options.subject, options.chosen), shared_(crew_.shared()),
        settings_(without_what_is_missing(options.chosen, shared_)), oracle_(lock_count),
        aim_(options.chosen.seed, shared_.has_thread_enter,
             options.chosen.processes * options.chosen.threads > 1),
        random_(options.chosen.seed) {
    shared_.chosen = settings_; // no worker is there yet
  }

  storm_report go() {
    const auto begin = clock::now();
    for (unsigned place = 0; place < settings_.processes; ++place)
      crew_.start(place);
    while (report_.kills < options_.kills && sound()) {
      check_interrupt();
      if (options_.progress) options_.progress(report_.kills, options_.kills);
      const unsigned place = strike();
      newest_ = place;
      wanted_ = aim_.next();
      judge();
      // Half of the drains without the one who died, so that nobody who comes anew can help.
      const unsigned choice = random_() % 4;
      if (choice == 0 && sound()) drain(false);
      crew_.start(place);
      if (choice == 1 && wanted_ != victim_state::claiming && sound()) drain(false);
    }
    if (sound()) drain(true);
    finish(std::chrono::duration<double>(clock::now() - begin).count());
    return report_;
  }

 private:
  struct victim {
    unsigned place, thread;
    std::optional<victim_state> state;
    std::uint64_t steps;
  };

  bool sound() const { return !report_.violated() && !oracle_.found().any(); }

  const thread_record& record(unsigned place, unsigned thread) const {
    return shared_.threads[place][thread];
  }
  bool is_current(unsigned place, unsigned thread) const {
    return crew_.alive(place) &&
           serial_of(record(place, thread).life.load()) == crew_.serial(place);
  }

  victim look_at(unsigned place, unsigned thread) {
    victim v{place, thread, std::nullopt, 0};
    if (!is_current(place, thread)) return v;
    const thread_record& r = record(place, thread);
    v.steps = r.steps.load();
    v.state = state_of(r, false);
    if (v.state == victim_state::enqueuing && is_asleep({static_cast<pid_t>(r.tid.load())}) &&
        r.steps.load() == v.steps) {
      v.state = victim_state::waiting;
      aim_.saw_a_sleeper();
    }
    return v;
  }

  victim anyone() {
    return look_at(random_() % settings_.processes, random_() % settings_.threads);
  }

  // Somebody in the state that is due, at a random moment of it; failing that, anyone.
  victim choose() {
    if (wanted_ == victim_state::claiming) return newborn();
    pause_for(std::chrono::microseconds(random_() % 200));
    const auto limit = clock::now() + longest_search;
    do {
      const victim v = anyone();
      if (v.state == wanted_ && meets_its_end(v)) return v;
      if (random_() % 16 == 0) sched_yield();
    } while (clock::now() < limit);
    return anyone();
  }

  // Most states are passed through in a microsecond or less, and a signal takes as long. So a third dies at once, a third
  // a little later, wherever that is; and of the last third only those that do not move, because they have lost their
  // processor in that state.
  bool meets_its_end(const victim& v) {
    switch (random_() % 3) {
    case 0:
      return true;
    case 1:
      spin(random_() % 1000);
      return true;
    default:
      spin(1000);
      return record(v.place, v.thread).steps.load() == v.steps;
    }
  }

  // The process that was started last, while its threads announce themselves to the lock.
  victim newborn() {
    const auto limit = clock::now() + longest_birth;
    const unsigned thread = random_() % settings_.threads;
    while (!is_current(newest_, thread) && clock::now() < limit)
      sched_yield();
    // How long that takes differs by a factor of a hundred between locks.
    constexpr unsigned longest[] = {1, 300, 20'000};
    spin(random_() % longest[random_() % 3]);
    return look_at(newest_, thread);
  }

  static void spin(unsigned turns) {
    for (unsigned i = 0; i < turns; ++i)
      asm volatile("" ::: "memory");
  }

  // Returns the place that is empty now.
  unsigned strike() {
    const victim v = choose();
    if (settings_.has(way::exec) && random_() % kills_per_exec == 0) return strike_by_exec(v);
    const std::uint32_t serial = crew_.serial(v.place);
    shared_.doomed[serial].store(true);
    const auto ended = crew_.end(v.place, tid_of(v));
    if (!WIFSIGNALED(ended.raw) || WTERMSIG(ended.raw) != SIGKILL) crashed(v.place, ended.raw);
    bury(v, serial, ended.doing);
    return v.place;
  }

  pid_t tid_of(const victim& v) const {
    return static_cast<pid_t>(record(v.place, v.thread).tid.load());
  }

  // The process ends by an exec of its first thread, while that holds a lock.
  unsigned strike_by_exec(victim v) {
    v.thread = 0;
    const std::uint32_t serial = crew_.serial(v.place);
    shared_.exec_wanted[v.place].store(1);
    patience bound(longest_timeout());
    while (!crew_.has_ended(v.place)) {
      check_interrupt();
      // Others go on meanwhile; that it never gets a lock is for a drain to find out.
      if (const auto waiting = restless(); bound.lost(waiting)) {
        shared_.exec_wanted[v.place].store(0);
        hang(bound.describe(waiting));
        break;
      }
      pause_for(100us);
    }
    shared_.exec_wanted[v.place].store(0);
    shared_.doomed[serial].store(true);
    const auto ended = crew_.end(v.place, 0, sound());
    if (sound() && (!WIFEXITED(ended.raw) || WEXITSTATUS(ended.raw) != 0))
      crashed(v.place, ended.raw);
    ++report_.execs;
    bury(v, serial, "");
    return v.place;
  }

  // The dead are what they have noted: all of it is final now.
  void bury(const victim& aimed, std::uint32_t serial, const std::string& doing) {
    const thread_record& chosen = record(aimed.place, aimed.thread);
    const bool born = serial_of(chosen.life.load()) == serial;
    // Asleep when it was looked at, and no step since: asleep when it died, but for a wake-up in between.
    const bool asleep = aimed.state == victim_state::waiting && chosen.steps.load() == aimed.steps;
    const auto state = born ? state_of(chosen, asleep) : std::nullopt;
    // One that has not begun, or whose thread had ended, did nothing with the lock.
    const victim_state counted = state.value_or(victim_state::idle);
    aim_.killed(counted);
    ++report_.kills;
    if (!doing.empty() && (counted == victim_state::enqueuing || counted == victim_state::waiting))
      ++report_.doing[doing];
    for (unsigned thread = 0; thread < settings_.threads; ++thread) {
      const thread_record& r = record(aimed.place, thread);
      if (serial_of(r.life.load()) != serial || r.now.load() == activity::gone) continue;
      for (unsigned depth = 0; depth < deepest; ++depth) {
        const holding last = r.at(depth);
        if (last.what() != phase::none)
          oracle_.died(last, occupancy(shared_.locks[last.lock()].word.load()).ticket());
      }
    }
  }

  // Every process that may have caused a report is buried by now.
  void judge() {
    const std::uint64_t logged = shared_.logged.load();
    if (logged > log_size) throw trouble("the storm's log is full: give a smaller --kills");
    for (; judged_ < logged; ++judged_)
      if (!judge_one(shared_.log[judged_])) unfinished_.push_back(judged_);
    std::erase_if(unfinished_, [&](std::uint64_t each) { return judge_one(shared_.log[each]); });
  }

  // False: not written yet, or never, by one who was killed meanwhile.
  bool judge_one(const event& e) {
    switch (e.kind.load()) {
    case event_kind::none:
      return false;
    case event_kind::entered:
      oracle_.entered(e.lock, occupancy(e.before), occupancy(e.mine), e.before_was_dead);
      break;
    case event_kind::displaced:
      oracle_.displaced(e.lock, occupancy(e.before), occupancy(e.mine));
      break;
    case event_kind::unexpected:
      oracle_.unexpected(static_cast<std::uint32_t>(e.mine), e.step, e.lock, e.code);
      break;
    }
    return true;
  }

  std::chrono::milliseconds longest_timeout() const {
    return std::chrono::milliseconds(settings_.backstop_ms) + 10ms;
  }

  std::vector<watched> restless() const {
    std::vector<watched> found;
    const std::uint32_t drain = shared_.drain.load();
    for (unsigned place = 0; place < settings_.processes; ++place) {
      if (!crew_.alive(place)) continue;
      for (unsigned thread = 0; thread < settings_.threads; ++thread) {
        const thread_record& r = record(place, thread);
        const bool current = is_current(place, thread);
        const bool rests = current && (r.now.load() == activity::gone ||
                                       (drain != 0 && r.parked_for.load() == drain));
        if (!rests) found.push_back({place, thread, &r});
      }
    }
    return found;
  }

  // Everybody finishes what it is at and then wants nothing. Whoever has been forgotten by those who were killed or
  // have released stays behind, for nobody comes who could wake it by chance.
  void drain(bool last) {
    const auto number = static_cast<std::uint32_t>(++report_.drains);
    if (last) shared_.sweep.store(number);
    shared_.drain.store(number);
    patience bound(longest_timeout());
    const auto soon = clock::now() + 5ms;
    for (auto waiting = restless(); !waiting.empty(); waiting = restless()) {
      check_interrupt();
      if (clock::now() < soon) {
        pause_for(50us);
        continue;
      }
      if (bound.lost(waiting)) {
        hang(bound.describe(waiting));
        return;
      }
      for (const watched& w : waiting)
        if (crew_.alive(w.place) && crew_.has_ended(w.place)) {
          crashed(w.place, crew_.end(w.place, 0, true).raw);
          return;
        }
      pause_for(1000us);
    }
    judge();
    shared_.drain.store(0);
  }

  void hang(const std::string& who) {
    ++report_.hangs;
    std::string text = "everybody is to finish, nothing moves, and these do not come out:\n" + who;
    for (unsigned lock = 0; lock < lock_count; ++lock) {
      const occupancy word(shared_.locks[lock].word.load());
      text += fmt::format("  lock {}: last ticket {}, {}\n", lock, word.ticket(),
                          word.inside() ? "its owner has not left" : "released");
    }
    text.pop_back();
    report_.stories.push_back(text);
  }

  void crashed(unsigned place, int raw) {
    ++report_.crashes;
    report_.stories.push_back(
        WIFSIGNALED(raw)
            ? fmt::format("process {} was ended by a fault of its own, signal {} ({})", place,
                          WTERMSIG(raw), sigdescr_np(WTERMSIG(raw)))
            : fmt::format("process {} ended by itself, status {}", place, WEXITSTATUS(raw)));
  }

  void finish(double seconds) {
    judge();
    storm_report& r = report_;
    r.subject = options_.subject;
    r.policy = shared_.subject_policy;
    r.libc = shared_.libc;
    r.chosen = settings_;
    r.seconds = seconds;
    r.found = oracle_.found();
    r.stories.insert(r.stories.end(), r.found.stories.begin(), r.found.stories.end());
    r.reports_from_windows = oracle_.reports_from_windows();
    r.exits_holding = shared_.exits_holding.load();
    std::vector<std::uint64_t> last;
    for (const guarded& g : shared_.locks)
      last.push_back(occupancy(g.word.load()).ticket());
    r.unjudged = oracle_.unjudged(last);
    for (const auto& place : shared_.threads)
      for (const thread_record& t : place) {
        r.acquisitions += t.acquired.load();
        r.reports += t.told.load();
        r.given_up += t.given_up.load();
      }
    if (shared_.has_counters) r.counters = crew_.counters();
    for (unsigned s = 0; s < victim_states; ++s)
      if (aim_.possible(static_cast<victim_state>(s)))
        r.killed_while[s] = aim_.kills_in(static_cast<victim_state>(s));
  }

  const storm_options& options_;
  crew crew_;
  arena& shared_;
  const settings settings_;
  oracle oracle_;
  aim aim_;
  std::mt19937 random_;
  storm_report report_;
  victim_state wanted_ = victim_state::enqueuing;
  unsigned newest_ = 0;
  std::uint64_t judged_ = 0;
  std::vector<std::uint64_t> unfinished_;
};

} // namespace

std::vector<victim_state> storm_report::neglected() const {
  std::vector<victim_state> few;
  for (unsigned s = 0; s < victim_states; ++s)
    if (killed_while[s] && *killed_while[s] * 100 < kills)
      few.push_back(static_cast<victim_state>(s));
  return few;
}

storm_report run_storm(const storm_options& options) {
  return run(options).go();
}

} // namespace heirlock::lab::storm
