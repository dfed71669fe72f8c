// SPDX-License-Identifier: Apache-2.0
// What users suffer under the copy of the kernel's walk and under the kernel, at every kill point: the same
// verdicts, the same words before and after. stock_copy_bytes_test.cpp compares the walks alone; here survivors
// act on what they left.
//
// The verdicts come from real locks and from the planted ones. By what it stores or does not store the kernel itself
// can bring about: corrupted (it marks a word that names the dead thread by accident), owner lost (nothing leads it
// to the lock), lost wake-up (nothing tells it of a sleeper). A false death and two owners it cannot bring about within one
// PID namespace: it marks only words that name the dying thread, whose TID nobody else has there while it dies (for two
// namespaces see tests/lab/kernel/pid_namespace_test.cpp). Here these, and stuck and crashed, are the planted locks' own
// doing; the copy has to leave them as they are.
//
// In killed-while-locking a survivor races with the walk, and each run may end differently: compared is what there is
// to be seen at some kill point, not at which.
#include <gtest/gtest.h>

#include <fmt/format.h>
#include <linux/futex.h>

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <set>

#include "lab/kernel/wake_rule_probe.hpp"
#include "tests/audit/toy/toy_library.hpp"
#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

// TIDs differ from run to run: of each half of a word, the flags and whether there is a TID at all.
std::string without_tids(const std::string& word) {
  std::string out;
  for (const std::size_t half : {0, 8}) {
    const auto value = static_cast<std::uint32_t>(std::stoul(word.substr(half, 8), nullptr, 16));
    out += fmt::format("{}{}{} ", (value & FUTEX_WAITERS) != 0 ? "W" : "-",
                       (value & FUTEX_OWNER_DIED) != 0 ? "D" : "-",
                       (value & FUTEX_TID_MASK) != 0 ? "T" : "-");
  }
  return out;
}

std::vector<std::string> lines_of(const case_report& report) {
  std::vector<std::string> lines;
  for (const auto& [what, count] : report.verdicts)
    lines.push_back(fmt::format("{} {}", count, name_of(what)));
  for (const violation& v : report.violations)
    lines.push_back(fmt::format("{} {} {} {}{}", v.at.step, v.at.where.describe(), name_of(v.what),
                                without_tids(v.first().what.before),
                                without_tids(v.first().what.after)));
  return lines;
}

constexpr std::string_view raced = "killed-while-locking";

// The copy with one thing left out.
class copy_without final : public kernel::policy {
 public:
  enum class part { pending, wakes, entries_behind_the_first };
  explicit copy_without(part left_out) : left_out_(left_out) {}
  std::string_view name() const override { return "stock-copy-without"; }
  std::string_view summary() const override { return {}; }
  void thread_exits(kernel::task& dying) const override {
    mute_memory mute(dying.memory);
    kernel::task silent = {mute, dying.tid, dying.cpu, dying.list_head, {}, 0};
    kernel::walk_rules rules;
    rules.wake = kernel::wake_rule_of_this_kernel();
    if (left_out_ == part::pending) rules.pending = kernel::pending_treatment::as_empty;
    if (left_out_ == part::entries_behind_the_first) rules.limit = {1, 1};
    kernel::walk_robust_list(left_out_ == part::wakes ? silent : dying, rules);
  }

 private:
  // Wakes nobody.
  class mute_memory final : public kernel::task_memory {
   public:
    explicit mute_memory(kernel::task_memory& real) : real_(real) {}
    std::optional<std::uint32_t> read32(remote_address from) override { return real_.read32(from); }
    std::optional<std::uint64_t> read64(remote_address from) override { return real_.read64(from); }
    kernel::exchange_outcome compare_exchange32(remote_address at, std::uint32_t expected,
                                                std::uint32_t desired) override {
      return real_.compare_exchange32(at, expected, desired);
    }
    bool write64(remote_address to, std::uint64_t value) override {
      return real_.write64(to, value);
    }
    void wake_one(remote_address) override {}

   private:
    kernel::task_memory& real_;
  };

  const part left_out_;
};

// Or what is equal elsewhere would say little.
TEST(StockCopy, GivesOtherVerdictsThanTheKernelWhenAnyPartOfItIsLeftOut) {
  using part = copy_without::part;
  const auto expect_more = [](part left_out, operation op, std::string_view scenario,
                              verdict what) {
    const std::string subject = std::string(SUBJECT_DIRECTORY) + "/robust-list.so";
    const copy_without changed(left_out);
    EXPECT_EQ(count(audit_under(kernel::stock(), subject, op, std::string(scenario)), what), 0u);
    EXPECT_GT(count(audit_under(changed, subject, op, std::string(scenario)), what), 0u);
  };
  expect_more(part::pending, operation::unlock, "owner-killed", verdict::owner_lost);
  expect_more(part::wakes, operation::unlock_contended, "waiter-asleep", verdict::lost_wakeup);
  expect_more(part::entries_behind_the_first, operation::lock, raced, verdict::owner_lost);
}

void expect_same(const std::string& subject, operation op, const std::string& scenario,
                 std::set<verdict>* seen = nullptr) {
  const auto real = audit_under(kernel::stock(), subject, op, scenario);
  const auto copy = audit_under(kernel::stock_copy(), subject, op, scenario);
  EXPECT_EQ(lines_of(real), lines_of(copy))
      << "heirlock audit --subject " << subject << " --op " << name_of(op) << " --scenario "
      << scenario << " [--policy stock-copy]";
  if (seen == nullptr) return;
  for (const violation& v : real.violations)
    seen->insert(v.what);
}

struct named_lock {
  const char* name;
  std::string subject;
};

void PrintTo(const named_lock& lock, std::ostream* to) {
  *to << lock.name;
}

class StockCopyAsUsersSeeIt : public testing::TestWithParam<named_lock> {};

TEST_P(StockCopyAsUsersSeeIt, GivesTheVerdictsOfTheKernelInEveryScenario) {
  for (const scenario* what : scenarios_here())
    for (const operation op : all_operations)
      if (what->why_not(op).empty() && what->name() != raced)
        expect_same(GetParam().subject, op, std::string(what->name()));
}

const named_lock locks[] = {
    {"robust_list", std::string(SUBJECT_DIRECTORY) + "/robust-list.so"},
    {"rseq_rl_cs", std::string(SUBJECT_DIRECTORY) + "/rseq-rl-cs.so"},
    {"pthread_robust", "pthread-robust"},
    {"pthread_normal", "pthread-normal"},
};

INSTANTIATE_TEST_SUITE_P(RealLock, StockCopyAsUsersSeeIt, testing::ValuesIn(locks),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(StockCopy, CorruptsInTheSameWayWhenKilledWhileLocking) {
  const auto corruptions = [](const kernel::policy& under) {
    const auto report = audit_under(under, std::string(SUBJECT_DIRECTORY) + "/robust-list.so",
                                    operation::lock, std::string(raced));
    std::set<std::string> words;
    for (const violation& v : report.violations)
      for (const observation& seen : v.seen)
        words.insert(fmt::format("{} {}{}", name_of(v.what), without_tids(seen.what.before),
                                 without_tids(seen.what.after)));
    return words;
  };
  const auto real = corruptions(kernel::stock());
  EXPECT_EQ(real, corruptions(kernel::stock_copy()));
  EXPECT_EQ(real.size(), 2u) << "the word that names the dead, with and without FUTEX_WAITERS";
}

TEST(StockCopy, GivesTheVerdictOfTheKernelForEachPlantedFaultOfEachKind) {
  std::set<verdict> seen;
  std::set<std::string> left_out; // they show in a scenario that cannot be run here
  for (const auto& entry : std::filesystem::directory_iterator(TOY_DIRECTORY)) {
    const std::string path = entry.path();
    const toy_library toy(path);
    for (const toy_expectation& expected : toy.expectations()) {
      if (expected.scenario == raced) continue;
      const auto op = operation_named(expected.op).value();
      if (!scenario_named(expected.scenario)->why_not_here().empty()) {
        left_out.insert(expected.verdict);
        continue;
      }
      expect_same(path, op, expected.scenario, &seen);
    }
  }
  // check_failed is what a command says of a user's program, never a verdict on a lock; modelled is what is said of a
  // kernel that does not exist.
  for (const verdict what : all_verdicts) {
    if (what == verdict::ok || what == verdict::check_failed || what == verdict::modelled ||
        left_out.contains(std::string(name_of(what))))
      continue;
    EXPECT_TRUE(seen.contains(what)) << name_of(what) << " was never seen";
  }
}

} // namespace
} // namespace heirlock::lab
