// SPDX-License-Identifier: Apache-2.0
// What surrounds heirlock's lock and unlock under audit: a domain is made and attached to, seats are claimed and given
// back, locks have deadlines, are recursive, are inherited. Killed anywhere there, the victim leaves to the survivors
// a domain and a lock that work.
//
// Here one kill point of a kind is tried. Every one, which takes minutes:
//     HEIRLOCK_EVERY_KILL_POINT=1 heirlock_lifecycle_test
#include "lab/actor/stage.hpp"
#include "lab/audit/audit.hpp"
#include "lab/audit/report.hpp"
#include "lab/scenarios/scenarios.hpp"
#include "life_list.hpp"
#include "tests/audit/lifecycle/memory_keeper.hpp"
#include "tests/audit/lifecycle/scenarios.hpp"
#include "tests/seccomp.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <unistd.h>

namespace heirlock::lab {
namespace {

const scenario& named(std::string_view name) {
  for (const scenario* own : {&everybody_is_seated_scenario(), &heir_killed_scenario()})
    if (own->name() == name) return *own;
  const scenario* const found = scenario_named(name);
  if (found == nullptr) throw std::invalid_argument(std::string(name));
  return *found;
}

bool everything() {
  return getenv("HEIRLOCK_EVERY_KILL_POINT") != nullptr;
}

// Where a domain may get a name; gone with the test.
class own_directory {
 public:
  own_directory() {
    if (mkdtemp(name_.data()) == nullptr) throw std::runtime_error("no directory in /dev/shm");
  }
  ~own_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(name_, ignored);
  }
  own_directory(const own_directory&) = delete;
  own_directory& operator=(const own_directory&) = delete;
  std::string path(const char* name) const { return name_ + "/" + name; }

 private:
  std::string name_ = "/dev/shm/heirlock-life-XXXXXX";
};

case_report audit_life(const char* library, std::string_view life, std::string_view mode,
                       std::string_view op, std::string_view what, exit_hook at_exit = {}) {
  const own_directory directory;
  setenv("HEIRLOCK_LIFE", std::string(life).c_str(), 1);
  setenv("HEIRLOCK_LIFE_MODE", std::string(mode).c_str(), 1);
  setenv("HEIRLOCK_LIFE_PATH", directory.path("domain").c_str(), 1);
  // No lock here is of the default domain; a faulty one that looks for its domain there must not make the user's.
  setenv("HEIRLOCK_DOMAIN", directory.path("default").c_str(), 1);
  // Clearing a domain takes one instruction per byte otherwise, as seen by who steps.
  setenv("GLIBC_TUNABLES", "glibc.cpu.x86_rep_stosb_threshold=1048576", 1);
  stage_options surroundings;
  surroundings.subject = library;
  surroundings.actor_program = HEIRLOCK_ACTOR_PROGRAM;
  surroundings.at_exit = std::move(at_exit);
  stage st(surroundings);
  audit_options options;
  options.second_positions = false;
  options.one_of_a_kind = !everything();
  return audit_case(st, named(what), *operation_named(op), options);
}

struct life_case {
  const char* life;
  const char* mode;
  const char* op;
  const char* what;
};

void PrintTo(const life_case& c, std::ostream* to) {
  *to << c.life << " (" << c.mode << "), " << c.op << " in " << c.what;
}

// The modes differ in unlock and in how a waiter arms itself, and hardly in the rest of a life.
bool is_for_every_day(std::string_view life, std::string_view mode, std::string_view op,
                      std::string_view what) {
  const bool is_long =
      life == "claim" || life == "leave" || life == "attach" || life.starts_with("make");
  if (!is_long) return true;
  if (mode == "asymmetric" || what == "waiter-asleep")
    return what == "owner-killed" && life != "make-named" && !is_contended(*operation_named(op));
  return op != "trylock" || what == "owner-killed";
}

std::vector<life_case> life_cases() {
  struct column {
    const char* life;
    std::vector<const char*> ops;
    std::vector<const char*> scenarios;
  };
  const column columns[] = {
      {"claim",
       {"lock", "lock-contended", "trylock"},
       {"owner-killed", "waiter-asleep", "everybody-is-seated"}},
      {"leave",
       {"unlock", "unlock-contended"},
       {"owner-killed", "waiter-asleep", "everybody-is-seated"}},
      {"attach", {"lock", "lock-contended"}, {"owner-killed", "everybody-is-seated"}},
      {"make", {"lock"}, {"owner-killed", "everybody-is-seated"}},
      {"make-named", {"lock"}, {"owner-killed", "everybody-is-seated"}},
      {"make-other", {"lock"}, {"owner-killed"}},
      {"timed", {"lock-contended", "trylock-contended"}, {"owner-killed", "waiter-asleep"}},
      {"recursive", {"lock", "trylock", "unlock"}, {"owner-killed", "waiter-asleep"}},
      {"heir", {"lock", "trylock"}, {"heir-killed"}},
  };
  std::vector<life_case> cases;
  for (const char* mode : {"rmw", "asymmetric"})
    for (const column& c : columns)
      for (const char* op : c.ops)
        for (const char* what : c.scenarios)
          if (everything() || is_for_every_day(c.life, mode, op, what))
            cases.push_back({c.life, mode, op, what});
  return cases;
}

class HeirlocksLife : public testing::TestWithParam<life_case> {};

TEST_P(HeirlocksLife, CanEndAnywhereWithoutHarm) {
  const auto& [life, mode, op, what] = GetParam();
  const case_report report = audit_life(sound_life, life, mode, op, what);
  EXPECT_FALSE(report.has_violations()) << text_report(report, replay_command());
  EXPECT_GT(report.facts.runs, 10u);
  fmt::print("{} of {} kill points tried\n{}", report.verdicts.at(verdict::ok),
             report.kill_points.size(), text_report(report, replay_command()));
}

INSTANTIATE_TEST_SUITE_P(Cases, HeirlocksLife, testing::ValuesIn(life_cases()),
                         [](const auto& one) {
                           const life_case& c = one.param;
                           std::string name =
                               fmt::format("{}_{}_{}_in_{}", c.life, c.mode, c.op, c.what);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// A seat is claimed under a lock on the domain's file, which goes with the memory of a claimer that dies, whenever that is.
TEST(ADeadClaimersMemory, MayBeKeptForAWhileByWhoeverReadsOfTheProcess) {
  const auto keeper = memory_keeper::make();
  if (!keeper) GTEST_SKIP() << "userfaultfd for page faults inside the kernel takes privilege";
  const case_report report = audit_life(sound_life, "attach", "rmw", "lock", "owner-killed",
                                        [&](tracee& dying) { keeper->keep(dying.process()); });
  EXPECT_FALSE(report.has_violations()) << text_report(report, replay_command());
  EXPECT_GT(keeper->awaited(), 0u) << "no claimer died under the lock";
  fmt::print("{} times somebody waited for a dead one's memory\n", keeper->awaited());
}

// The kernel itself looks at the arguments of every wait; see lab/subjects/untimed_waits.hpp.
TEST(AWaitWithATimeout, IsSeenWhereverItIsUsed) {
  NEEDS_SECCOMP();
  for (const char* mode : {"rmw", "asymmetric"}) {
    const case_report report =
        audit_life(sound_life, "backstop", mode, "lock-contended", "owner-killed");
    EXPECT_GT(report.verdicts.count(verdict::crashed), 0u)
        << "a timeout was passed, and nobody saw it\n"
        << text_report(report, replay_command());
  }
}

class PlantedLifeFault : public testing::TestWithParam<planted_life> {};

TEST_P(PlantedLifeFault, IsFound) {
  const planted_life& fault = GetParam();
  const case_report report = audit_life(fault.library, fault.life, "rmw", fault.op, fault.scenario);
  EXPECT_TRUE(std::ranges::any_of(report.violations, [&](const violation& v) {
    return name_of(v.what) == fault.verdict;
  })) << text_report(report, replay_command());
}

INSTANTIATE_TEST_SUITE_P(Each, PlantedLifeFault, testing::ValuesIn(planted_lives),
                         [](const auto& one) { return std::string(one.param.name); });

} // namespace
} // namespace heirlock::lab
