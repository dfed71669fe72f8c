// SPDX-License-Identifier: Apache-2.0
// The copy of the kernel's exit walk against the kernel, on one and the same death, at each kill point of real
// locks in every scenario and operation:
//
//  1. The victim is brought to the kill point; the survivors do what the scenario has them do.
//  2. Those who sleep will stop where their sleep ends (stage_options::hold_the_woken): the kernel finds them on
//     their futex as ever and can wake them, but then none of their instructions runs.
//  3. The victim is killed. At its exit stop the copy is asked what it would store and whom it would wake; its
//     stores go nowhere (overlay_memory.hpp).
//  4. The kernel does the walk. When the victim is reaped, every byte of the lab's shared memory, and of the file
//     that came to lie in the lock's place, must be what it was in 1 with the stores of 3; and of those who slept,
//     so many must have been woken on each word as the copy's wakes could reach.
//
// As copy and kernel are given the same memory of the same processes, no TID has to be translated, and as nobody
// else runs between 3 and 4 the stores are the kernel's alone. What survivors make of it is compared in
// policy_audit_test.cpp. Not compared here: a survivor that runs on another CPU while the kernel walks, as
// killed-while-locking wants it; either walk then looks at whatever word it finds.
#include <gtest/gtest.h>

#include <linux/futex.h>

#include <algorithm>
#include <cstring>
#include <ostream>

#include "lab/audit/path.hpp"
#include "tests/lab/kernel/held_sleepers.hpp"
#include "tests/lab/kernel/overlay_memory.hpp"
#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

constexpr std::uint64_t first_object = arena::object_a;
constexpr std::uint64_t objects_size = arena::base + arena::size - first_object;

using image = std::vector<std::byte>;

image image_of(std::span<const std::uint64_t> words) {
  const auto bytes = std::as_bytes(words);
  return {bytes.begin(), bytes.end()};
}

// What the copy would do at one death.
struct forecast {
  std::map<std::uint64_t, std::uint32_t> in_arena; // by offset from the first object
  std::map<std::uint64_t, std::uint32_t> in_file;  // by offset in the scratch file
  held_sleepers::count_by_word wakes;

  void ask(thread_id dying) {
    kernel::overlay_memory memory(dying);
    kernel::task t = kernel::task_of(dying, memory);
    kernel::stock_copy().thread_exits(t);
    kernel::shared_view view(dying);
    const auto arena_area = *view.area_with({arena::control});
    for (const auto& [where, word] : memory.words) {
      const auto area = *view.area_with(where);
      if (area.same_file(arena_area))
        in_arena[where.value - first_object] = word;
      else if (where.value >= first_object && where.value < first_object + objects_size)
        in_file[area.offset + (where.value - area.begin)] = word;
      // Private memory dies with its process: nobody can see what is stored there.
    }
    for (const remote_address word : memory.wakes)
      ++wakes[word];
  }
};

void apply_stores(const std::map<std::uint64_t, std::uint32_t>& stores, image& to) {
  for (const auto& [offset, word] : stores) {
    ASSERT_LE(offset + sizeof word, to.size());
    std::memcpy(&to[offset], &word, sizeof word);
  }
}

struct totals {
  unsigned deaths = 0;
  unsigned with_stores = 0;
  unsigned with_file_stores = 0;
  unsigned with_wakes = 0;
  unsigned with_sleepers = 0; // before the walk
};

class comparison {
 public:
  explicit comparison(const std::string& subject) : stage_(options_for(subject)) {}

  void everywhere(const scenario& what, operation op) {
    const path way = trace_victim(what, op);
    for (const std::uint32_t fill : {std::uint32_t{0}, std::uint32_t{FUTEX_WAITERS}}) {
      if (fill != 0 && !what.reuses_memory()) continue;
      for (std::size_t stop = 0; stop < way.stops.size(); ++stop) {
        SCOPED_TRACE(testing::Message() << "kill point " << stop << " of " << name_of(op) << ", "
                                        << what.name() << ", fill bits " << fill);
        one_death(what, op, way, stop, fill);
      }
    }
    stage_.clear();
  }

  // At single kill points: those at which an audit has found something.
  void at_violations(const scenario& what, operation op, const case_report& found, verdict kind) {
    const path way = trace_victim(what, op);
    ASSERT_EQ(way.stops.size(), found.kill_points.size());
    for (const violation& v : found.violations) {
      if (v.what != kind || v.first().victim != fate::killed) continue;
      SCOPED_TRACE(testing::Message() << "kill point " << v.at.step);
      one_death(what, op, way, v.at.step, v.first().fill_bits);
    }
    stage_.clear();
  }

  const totals& seen() const { return totals_; }

 private:
  stage_options options_for(const std::string& subject) {
    stage_options options;
    options.subject = subject;
    options.actor_program = installed_actor_program();
    options.hold_the_woken = true;
    options.at_exit = [this](tracee& dying) { forecast_.ask(dying.id()); };
    return options;
  }

  path trace_victim(const scenario& what, operation op) {
    stage_.clear();
    run r(stage_, what, op, 0);
    const auto play = what.perform(r);
    play->set_up();
    r.victim_begins(arena::object_a);
    return trace(
        stage_, r.victim(), decoder_, [&] { play->cue(); }, waiting::spins);
  }

  void one_death(const scenario& what, operation op, const path& way, std::size_t stop,
                 std::uint32_t fill) {
    stage_.clear();
    run r(stage_, what, op, fill);
    const auto play = what.perform(r);
    play->set_up();
    r.victim_begins(arena::object_a);
    ASSERT_TRUE(advance(r.victim(), way, stop, [&] { play->cue(); }));
    const auto is_survivor = [&](actor& a) {
      if (what.victim_ends(op) == ending::thread_exits) return &a != &r.victim();
      return a.thread().process() != r.victim().thread().process();
    };
    // As in an audit, whom the victim itself has woken acts before it is killed.
    for (actor& a : stage_.everybody())
      if (is_survivor(a)) let_run(a.thread());
    play->at_kill_point();
    held_sleepers sleepers;
    for (actor& a : stage_.everybody())
      if (is_survivor(a)) sleepers.note(a.thread());
    image memory = objects();
    image file = image_of(stage_.scratch().read_from_disk());
    forecast_ = {};
    r.victim_dies();

    apply_stores(forecast_.in_arena, memory);
    apply_stores(forecast_.in_file, file);
    EXPECT_EQ(memory, objects());
    EXPECT_EQ(file, image_of(stage_.scratch().read_from_disk()));
    held_sleepers::count_by_word expected;
    for (const auto& [word, count] : sleepers.asleep())
      if (forecast_.wakes.contains(word)) expected[word] = std::min(count, forecast_.wakes[word]);
    EXPECT_EQ(expected, sleepers.woken());
    ++totals_.deaths;
    totals_.with_stores += !forecast_.in_arena.empty() || !forecast_.in_file.empty();
    totals_.with_file_stores += !forecast_.in_file.empty();
    totals_.with_wakes += !expected.empty();
    totals_.with_sleepers += !sleepers.asleep().empty();
  }

  image objects() const { return image_of(stage_.used_objects()); }

  forecast forecast_;
  stage stage_;
  const disassembler decoder_;
  totals totals_;
};

const std::string own = std::string(SUBJECT_DIRECTORY) + "/robust-list.so";
const std::string toys = TOY_DIRECTORY;

struct compared_lock {
  const char* name;
  std::string subject;
  // Whether a death in it makes the kernel store, and wake. Not so where the kernel knows of no lock.
  bool has_robust_list = true;
};

struct compared_case {
  compared_lock lock;
  const scenario* what;
};

void PrintTo(const compared_case& c, std::ostream* to) {
  *to << c.lock.name << " in " << c.what->name();
}

std::vector<compared_case> compared_cases() {
  const compared_lock locks[] = {{"robust_list", own},
                                 {"pthread_robust", "pthread-robust"},
                                 {"pthread_normal", "pthread-normal", false},
                                 {"no_pending_in_unlock", toys + "/no-pending-in-unlock.so"},
                                 {"wake_after_pending", toys + "/wake-after-pending.so"},
                                 {"marks_live_owner", toys + "/marks-live-owner.so"}};
  std::vector<compared_case> cases;
  for (const compared_lock& lock : locks)
    for (const scenario* what : scenarios_here())
      cases.push_back({lock, what});
  return cases;
}

class StockCopyOnTheSameDeath : public testing::TestWithParam<compared_case> {};

TEST_P(StockCopyOnTheSameDeath, StoresAndWakesWhatTheKernelDoesAtEveryKillPoint) {
  const auto& [lock, what] = GetParam();
  comparison c(lock.subject);
  for (const operation op : all_operations)
    if (what->why_not(op).empty()) c.everywhere(*what, op);
  EXPECT_GT(c.seen().deaths, 0u);
  RecordProperty("deaths", static_cast<int>(c.seen().deaths));
  RecordProperty("with_stores", static_cast<int>(c.seen().with_stores));
  RecordProperty("with_wakes", static_cast<int>(c.seen().with_wakes));
  // Nor does it where the reaper has taken the list's head.
  if (!lock.has_robust_list || what == &oom_kill_scenario()) {
    EXPECT_EQ(c.seen().with_stores, 0u);
    return;
  }
  EXPECT_GT(c.seen().with_stores, 0u) << "nothing was compared";
  const std::string_view name = what->name();
  if (lock.subject == own && name == "remap-file") {
    EXPECT_GT(c.seen().with_file_stores, 0u);
  }
  if (lock.subject == own && (name == "waiter-asleep" || name == "killed-while-locking")) {
    EXPECT_GT(c.seen().with_wakes, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryScenario, StockCopyOnTheSameDeath,
                         testing::ValuesIn(compared_cases()), [](const auto& one) {
                           std::string name =
                               one.param.lock.name + ("_in_" + std::string(one.param.what->name()));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// Where the kernel hurts somebody, for each verdict that it can bring about within one PID namespace
// (stock_copy_verdict_test.cpp says why it is these three) and each kind of memory: the audit finds the kill points, and
// the two walks are compared there.
struct hurting_case {
  verdict what;
  compared_lock lock;
  operation op;
  const char* scenario;
};

void PrintTo(const hurting_case& c, std::ostream* to) {
  *to << name_of(c.what) << ": " << c.lock.name << ", " << name_of(c.op) << " in " << c.scenario;
}

class StockCopyWhereItHurts : public testing::TestWithParam<hurting_case> {};

TEST_P(StockCopyWhereItHurts, StoresAndWakesWhatTheKernelDoes) {
  const auto& [what, lock, op, scenario] = GetParam();
  const auto report = audit_under(kernel::stock(), lock.subject, op, scenario);
  comparison c(lock.subject);
  c.at_violations(*scenario_named(scenario), op, report, what);
  const totals& seen = c.seen();
  ASSERT_GT(seen.deaths, 0u) << "the kernel hurt nobody";
  // And this is how it hurts them.
  if (what == verdict::corrupted) {
    EXPECT_EQ(seen.with_stores, seen.deaths);
    EXPECT_EQ(seen.with_file_stores, std::string(scenario) == "remap-file" ? seen.deaths : 0u);
  } else if (what == verdict::owner_lost) {
    EXPECT_EQ(seen.with_stores, 0u);
  } else {
    EXPECT_EQ(seen.with_wakes, 0u);
    EXPECT_EQ(seen.with_sleepers, seen.deaths);
  }
}

const hurting_case hurting_cases[] = {
    {verdict::corrupted, {"robust_list", own}, operation::unlock, "reuse-same-process"},
    {verdict::corrupted, {"robust_list", own}, operation::unlock_contended, "reuse-other-process"},
    {verdict::corrupted, {"robust_list", own}, operation::unlock, "remap-file"},
    {verdict::corrupted, {"robust_list", own}, operation::unlock, "signal-in-window"},
    {verdict::corrupted, {"pthread_robust", "pthread-robust"}, operation::unlock, "remap-file"},
    {verdict::owner_lost,
     {"no_pending_in_unlock", toys + "/no-pending-in-unlock.so"},
     operation::unlock,
     "owner-killed"},
    {verdict::lost_wakeup,
     {"wake_after_pending", toys + "/wake-after-pending.so"},
     operation::unlock_contended,
     "waiter-asleep"},
};

INSTANTIATE_TEST_SUITE_P(EachVerdict, StockCopyWhereItHurts, testing::ValuesIn(hurting_cases),
                         [](const auto& one) {
                           const hurting_case& c = one.param;
                           std::string name = std::string(name_of(c.what)) + "_" + c.lock.name +
                                              "_" + std::string(name_of(c.op)) + "_in_" +
                                              c.scenario;
                           std::ranges::replace_if(
                               name, [](char each) { return each == '-' || each == ' '; }, '_');
                           return name;
                         });

} // namespace
} // namespace heirlock::lab
