// SPDX-License-Identifier: Apache-2.0
// What the audit says of the protocols of the discussion, and that it finds each of them out when one of its steps is
// dropped or out of its place, in user space or in the kernel. docs/fixes.md cites the same cases as commands.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <set>

#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

using enum verdict;
constexpr auto lock = operation::lock;
constexpr auto lock_contended = operation::lock_contended;
constexpr auto unlock = operation::unlock;
constexpr auto contended = operation::unlock_contended;
constexpr const char* same = "reuse-same-process";
constexpr const char* other = "reuse-other-process";
constexpr const char* remap = "remap-file";
constexpr const char* joined = "join-then-free";
constexpr const char* asleep = "waiter-asleep";
constexpr const char* woken = "woken-waiter-killed";
constexpr const char* killed = "owner-killed";
constexpr const char* handler = "signal-in-window";
constexpr const char* locking = "killed-while-locking";
constexpr const char* reused_tid = "recursive-tid-reuse";
constexpr auto cleanup = kernel::cleanup_robust_list;
constexpr auto linux_7_2 = kernel::futex_robust_unlock;
constexpr auto lists = kernel::multi_list;
constexpr auto unmatchable = kernel::unmatchable_tid;

struct expected_case {
  const char* subject;
  operation op;
  const char* scenario;
  verdict found; // ok: nothing but that
  // ok because a destroy or a mapping call waited for the stopped victim
  bool held_up = false;
  const kernel::policy& (*under)() = kernel::stock;
};

void PrintTo(const expected_case& c, std::ostream* to) {
  *to << c.subject << ": " << name_of(c.found) << " in " << name_of(c.op) << ", " << c.scenario;
}

std::string name_of_case(const testing::TestParamInfo<expected_case>& one) {
  std::string name = std::string(one.param.subject) + "_" + std::string(name_of(one.param.op)) +
                     "_" + one.param.scenario + "_under_" + std::string(one.param.under().name());
  std::ranges::replace(name, '-', '_');
  return name;
}

void expect(const expected_case& c, const case_report& report) {
  const std::string replay = replay_under(c.under(), report);
  if (scenario_named(c.scenario)->reuses_memory()) {
    EXPECT_GT(report.facts.reused, 0u) << "the memory was never reused\n" << replay;
  }
  if (c.found == ok) {
    EXPECT_TRUE(is_clean(report)) << replay;
    EXPECT_EQ(report.facts.held_up > 0, c.held_up) << replay;
  } else {
    EXPECT_GT(count(report, c.found), 0u) << replay;
  }
}

class Protocol : public testing::TestWithParam<expected_case> {};

TEST_P(Protocol, IsJudgedAsTheDocumentSays) {
  const expected_case& c = GetParam();
  expect(c, audit_under(c.under(), std::string(SUBJECT_DIRECTORY) + "/" + c.subject + ".so", c.op,
                        c.scenario));
}

constexpr bool waits = true;
constexpr expected_case cases[] = {
    {"destroy-scan", unlock, same, ok, waits},
    {"destroy-scan", contended, same, ok, waits},
    {"destroy-scan", unlock, remap, ok, waits},
    {"destroy-scan", unlock, other, corrupted},
    {"hazard-pointer-thread", unlock, same, ok, waits},
    {"hazard-pointer-thread", unlock, other, corrupted},
    {"hazard-pointer-cpu", unlock, same, ok, waits},
    {"hazard-pointer-cpu", contended, same, ok, waits},
    {"hazard-pointer-cpu", unlock, other, corrupted},
    {"hazard-pointer-mm-cid", unlock, same, ok, waits},
    {"hazard-pointer-mm-cid", unlock, other, corrupted},
    // A count that a killed unlocker has left behind is never taken back.
    {"refcount", unlock, other, stuck},
    {"refcount", contended, same, stuck},
    {"refcount-munmap", unlock, remap, ok, waits},
    {"refcount-munmap", unlock, same, corrupted},
    {"refcount-munmap", unlock, other, corrupted},
    {"serialize-mmap", unlock, remap, ok, waits},
    {"serialize-mmap", unlock, same, corrupted},
    {"serialize-mmap-musl", unlock, same, ok, waits},
    {"serialize-mmap-musl", contended, same, ok, waits},
    {"serialize-mmap-musl", unlock, remap, ok, waits},
    {"serialize-mmap-musl", unlock, other, corrupted},
    {"serialize-mmap-musl", unlock, joined, corrupted},
    {"cleanup-robust-list", unlock, same, ok, !waits, cleanup},
    {"cleanup-robust-list", unlock, other, ok, !waits, cleanup},
    {"cleanup-robust-list", contended, other, ok, !waits, cleanup},
    {"cleanup-robust-list", unlock, handler, ok, !waits, cleanup},
    {"cleanup-robust-list", unlock, other, corrupted}, // today's kernel does not know the call
    {"cleanup-robust-list", lock, locking, corrupted, !waits,
     cleanup}, // which no destroy is there to make
    {"cleanup-robust-list-user", unlock, same, ok, waits},
    {"cleanup-robust-list-user", unlock, other, ok, waits},
    {"cleanup-robust-list-user", unlock, handler, ok, waits},
    {"futex-robust-unlock", unlock, other, ok, !waits, linux_7_2},
    {"futex-robust-unlock", contended, other, ok, !waits, linux_7_2},
    {"futex-robust-unlock", contended, asleep, ok, !waits, linux_7_2},
    // The walk of Linux 7.2 hands on the wake-up of a waiter that was passed over.
    {"futex-robust-unlock", lock_contended, woken, ok, !waits, linux_7_2},
    {"futex-robust-unlock", unlock, killed, ok, !waits, linux_7_2},
    {"futex-robust-unlock", contended, handler, ok, !waits, linux_7_2},
    {"futex-robust-unlock", unlock, other, corrupted}, // nor the flag
    {"futex-robust-unlock", lock, locking, corrupted, !waits,
     linux_7_2}, // the announcement of lock() is as ever
};
INSTANTIATE_TEST_SUITE_P(OfTheDiscussion, Protocol, testing::ValuesIn(cases), name_of_case);

class ProtocolWithAFault : public testing::TestWithParam<expected_case> {};

TEST_P(ProtocolWithAFault, IsFoundOut) {
  const expected_case& c = GetParam();
  if (const std::string lacks = scenario_named(c.scenario)->why_not_here(); !lacks.empty())
    GTEST_SKIP() << lacks;
  expect(c, audit_under(c.under(), std::string(PROTOCOL_FAULT_DIRECTORY) + "/" + c.subject + ".so",
                        c.op, c.scenario));
}

constexpr expected_case faults[] = {
    {"robust_list_6_before_4", unlock, killed, owner_lost},
    {"robust_list_without_l1", lock, killed, owner_lost},
    {"multi_list_without_1", unlock, killed, owner_lost, !waits, lists},
    {"list_32_without_1", unlock, killed, owner_lost, !waits, lists},
    {"unmatchable_tid_without_l1", lock, reused_tid, false_owner, !waits, unmatchable},
    {"unmatchable_tid_errorcheck_without_l1", lock, reused_tid, false_owner, !waits, unmatchable},
    {"destroy_scan_without_d2", unlock, same, corrupted},
    {"destroy_scan_skips_the_first_thread", unlock, same, corrupted},
    {"hazard_thread_without_0", unlock, same, corrupted},
    {"hazard_cpu_7_before_1", unlock, same, corrupted},
    {"hazard_mm_cid_skips_the_first_slot", unlock, same, corrupted},
    {"refcount_without_d2", unlock, other, corrupted},
    {"refcount_munmap_skips_the_first_page", unlock, remap, corrupted},
    {"serialize_mmap_without_0", unlock, remap, corrupted},
    {"serialize_mmap_musl_without_d2", unlock, same, corrupted},
    {"cleanup_call_without_d2", unlock, other, corrupted, !waits, cleanup},
    {"cleanup_user_looks_at_itself", unlock, other, corrupted},
    {"cleanup_user_without_the_distance", unlock, other, corrupted},
    {"try_unlock_without_4", unlock, other, corrupted, !waits, linux_7_2},
    {"try_unlock_4_before_3", unlock, killed, owner_lost, !waits, linux_7_2},
    {"try_unlock_begins_early", unlock, killed, owner_lost, !waits, linux_7_2},
    {"try_unlock_begins_late", unlock, other, corrupted, !waits, linux_7_2},
    {"try_unlock_ends_early", unlock, other, corrupted, !waits, linux_7_2},
    {"robust_unlock_in_three_calls", contended, other, corrupted, !waits, linux_7_2},
};
INSTANTIATE_TEST_SUITE_P(Planted, ProtocolWithAFault, testing::ValuesIn(faults), name_of_case);

// One kill point of a kind, as heirlock compare has it: a kind ends with what the policy's kernel looks at, so faults that
// show in nothing else are not passed by.
case_report audit_one_of_a_kind(const kernel::policy& policy, const std::string& library,
                                operation op, const char* scenario) {
  audit_options extent;
  extent.second_positions = false;
  extent.one_of_a_kind = true;
  return audit_under(policy, library, op, scenario, extent);
}

TEST(OneOfAKind, HasAKillPointForWhatOnlyTheListsBesideTheLibrarysTell) {
  for (const char* fault : {"multi_list_without_1", "list_32_without_1"}) {
    const auto report = audit_one_of_a_kind(
        kernel::multi_list(), std::string(PROTOCOL_FAULT_DIRECTORY) + "/" + fault + ".so",
        contended, killed);
    EXPECT_GT(count(report, owner_lost), 0u) << replay_under(kernel::multi_list(), report);
  }
}

TEST(OneOfAKind, HasAKillPointForWhatOnlyTheInstructionPointerTells) {
  const auto report =
      audit_one_of_a_kind(kernel::rseq_rl_cs_mended(),
                          std::string(FAULT_DIRECTORY) + "/begins_early.so", contended, killed);
  EXPECT_GT(count(report, owner_lost), 0u) << replay_under(kernel::rseq_rl_cs_mended(), report);
}

// The same verdicts as every kill point has, if less often.
TEST(OneOfAKind, FindsWhatEveryKillPointFinds) {
  const auto verdicts = [](const case_report& report) {
    std::set<verdict> found;
    for (const auto& [what, kill_points] : report.verdicts)
      found.insert(what);
    return found;
  };
  struct subject_under {
    const char* subject;
    const kernel::policy& policy;
  };
  for (const auto& [subject, policy] : {subject_under{"multi-list", kernel::multi_list()},
                                        {"list-32", kernel::multi_list()},
                                        {"robust-list", kernel::stock()},
                                        {"rseq-rl-cs", kernel::rseq_rl_cs_as_posted()},
                                        {"rseq-rl-cs", kernel::rseq_rl_cs_mended()},
                                        {"futex-robust-unlock", linux_7_2()},
                                        {"futex-robust-unlock", kernel::stock()},
                                        {"cleanup-robust-list", cleanup()}})
    for (const char* scenario : {other, asleep, killed, handler}) {
      const std::string library = std::string(SUBJECT_DIRECTORY) + "/" + subject + ".so";
      const auto every = audit_under(policy, library, contended, scenario);
      const auto kinds = audit_one_of_a_kind(policy, library, contended, scenario);
      EXPECT_EQ(verdicts(kinds), verdicts(every)) << replay_under(policy, every);
      EXPECT_LT(kinds.facts.runs, every.facts.runs);
    }
}

// The audit's column "pending", which readers go by.
TEST(PendingOperation, IsShownOnWhicheverListItIs) {
  for (const char* subject : {"robust-list", "multi-list", "list-32"}) {
    const auto report =
        audit_under(kernel::multi_list(), std::string(SUBJECT_DIRECTORY) + "/" + subject + ".so",
                    unlock, other);
    ASSERT_GT(count(report, corrupted), 0u);
    for (const violation& v : report.violations)
      EXPECT_TRUE(v.at.pending) << replay_under(kernel::multi_list(), report);
  }
}

// A kernel that leaves out one step of its half.
struct no_change {
  static constexpr bool forgets_the_range_at_exit = false;
  static constexpr bool forgets_the_range_at_signals = false;
  static constexpr bool visits_all = true;
  static system_call of(const system_call& call) { return call; }
};
struct no_range_at_exit : no_change {
  static constexpr bool forgets_the_range_at_exit = true;
};
struct no_range_at_signals : no_change {
  static constexpr bool forgets_the_range_at_signals = true;
};
struct first_thread_only : no_change {
  static constexpr bool visits_all = false;
};
struct wakes_nobody : no_change {
  static system_call of(system_call call) {
    call.arguments[2] = 0; // step K3
    return call;
  }
};

// Shows the first thread of all that share the page.
class only_the_first final : public kernel::reverse_mapping {
 public:
  explicit only_the_first(kernel::reverse_mapping& all) : all_(all) {}
  bool visit_sharers(remote_address word, const visitor& visit) override {
    bool seen = false;
    return all_.visit_sharers(word, [&](kernel::task& thread, remote_address there) {
      if (!seen) visit(thread, there);
      seen = true;
    });
  }

 private:
  kernel::reverse_mapping& all_;
};

template <class Change>
class changed_policy final : public kernel::policy {
 public:
  explicit changed_policy(const kernel::policy& sound) : sound_(sound) {}
  std::string_view name() const override { return sound_.name(); }
  std::string_view summary() const override { return {}; }
  bool has_system_calls() const override { return true; }
  void thread_exits(kernel::task& dying) const override {
    (Change::forgets_the_range_at_exit ? kernel::stock_copy() : sound_).thread_exits(dying);
  }
  void signal_arrives(kernel::task& interrupted) const override {
    if (!Change::forgets_the_range_at_signals) sound_.signal_arrives(interrupted);
  }
  std::optional<std::int64_t> make_system_call(kernel::task& caller, const system_call& call,
                                               kernel::reverse_mapping& pages) const override {
    only_the_first first(pages);
    if (!Change::visits_all) return sound_.make_system_call(caller, call, first);
    return sound_.make_system_call(caller, Change::of(call), pages);
  }

 private:
  const kernel::policy& sound_;
};

template <class Change>
unsigned found(const kernel::policy& sound, const char* subject, operation op, const char* scenario,
               verdict what) {
  const changed_policy<Change> changed(sound);
  return count(
      audit_under(changed, std::string(SUBJECT_DIRECTORY) + "/" + subject + ".so", op, scenario),
      what);
}

TEST(KernelOfTheCleanupCall, IsFoundOutWhenItVisitsOneThreadOnly) {
  EXPECT_GT(found<first_thread_only>(cleanup(), "cleanup-robust-list", unlock, other, corrupted),
            0u);
}

TEST(KernelOfTheRobustUnlock, IsFoundOutWhenItForgetsTheRangeOrTheWake) {
  constexpr const char* subject = "futex-robust-unlock";
  EXPECT_EQ(found<no_change>(linux_7_2(), subject, unlock, other, corrupted), 0u);
  EXPECT_GT(found<no_range_at_exit>(linux_7_2(), subject, unlock, other, corrupted), 0u);
  EXPECT_GT(found<no_range_at_signals>(linux_7_2(), subject, unlock, handler, corrupted), 0u);
  EXPECT_GT(found<wakes_nobody>(linux_7_2(), subject, contended, asleep, lost_wakeup), 0u);
}

} // namespace
} // namespace heirlock::lab
