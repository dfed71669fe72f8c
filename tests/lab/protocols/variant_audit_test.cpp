// SPDX-License-Identifier: Apache-2.0
// The questions that the proposal raises, put to real processes: descriptors that are not what they should be, and a
// transaction within a transaction (variants/*.sed). docs/rseq_rl_cs.md cites the same cases as commands.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

using enum verdict;
constexpr auto lock = operation::lock;
constexpr auto trylock = operation::trylock;
constexpr auto unlock = operation::unlock;
constexpr auto contended = operation::unlock_contended;

const kernel::policy& stock = kernel::stock_copy();
const kernel::policy& posted = kernel::rseq_rl_cs_as_posted();
const kernel::policy& mended = kernel::rseq_rl_cs_mended();

struct answer {
  const char* variant;
  const kernel::policy& under;
  operation op;
  const char* scenario;
  verdict found; // ok: nothing but that
};

void PrintTo(const answer& a, std::ostream* to) {
  *to << a.variant << " under " << a.under.name() << ": " << name_of(a.found) << " in "
      << name_of(a.op) << ", " << a.scenario;
}

class QuestionToTheProposal : public testing::TestWithParam<answer> {};

TEST_P(QuestionToTheProposal, HasTheAnswerOfTheDocument) {
  const auto& [variant, under, op, scenario, found] = GetParam();
  const auto report =
      audit_under(under, std::string(VARIANT_DIRECTORY) + "/" + variant + ".so", op, scenario);
  if (found == ok) {
    EXPECT_TRUE(is_clean(report)) << replay_under(under, report);
  } else {
    EXPECT_GT(count(report, found), 0u) << replay_under(under, report);
  }
}

const answer answers[] = {
    // What cannot be read or is not known is as if it were not there.
    {"unmapped-descriptor", posted, unlock, "reuse-other-process", corrupted},
    {"unmapped-descriptor", mended, unlock, "reuse-other-process", corrupted},
    {"unmapped-descriptor", posted, contended, "waiter-asleep", ok},
    {"unknown-version", posted, unlock, "reuse-other-process", corrupted},
    {"unknown-version", mended, unlock, "reuse-other-process", corrupted},
    {"unknown-flags", posted, unlock, "reuse-other-process", corrupted},
    {"unknown-flags", mended, unlock, "reuse-other-process", corrupted},
    // A range that covers everything costs the forger its own pending lock, and nobody else anything.
    {"forged-range", posted, unlock, "owner-killed", owner_lost},
    {"forged-range", mended, unlock, "owner-killed", owner_lost},
    {"forged-range", posted, lock, "owner-killed", owner_lost},
    {"forged-range", mended, lock, "owner-killed", owner_lost},
    // The pending operation of another lock while a descriptor is set: the range decides.
    {"stale-descriptor", posted, lock, "owner-killed", ok},
    {"stale-descriptor", mended, lock, "owner-killed", ok},
    {"stale-descriptor", posted, trylock, "owner-killed", ok},
    {"stale-descriptor", mended, trylock, "owner-killed", ok},
    {"stale-descriptor", mended, contended, "waiter-asleep", ok},
    // A transaction in a handler that interrupted one, after and before the outer release.
    {"nested-inside", posted, unlock, "reuse-other-process", corrupted},
    {"nested-inside", posted, contended, "waiter-asleep", lost_wakeup},
    {"nested-inside", mended, unlock, "reuse-other-process", ok},
    {"nested-inside", mended, contended, "waiter-asleep", ok},
    {"nested-inside", mended, contended, "owner-killed", ok},
    {"nested-before", stock, unlock, "owner-killed", owner_lost},
    {"nested-before", posted, unlock, "owner-killed", owner_lost},
    {"nested-before", mended, unlock, "owner-killed", owner_lost},
    {"nested-before-saving", mended, unlock, "owner-killed", owner_lost},
};

INSTANTIATE_TEST_SUITE_P(Answer, QuestionToTheProposal, testing::ValuesIn(answers),
                         [](const auto& one) {
                           const answer& a = one.param;
                           std::string name = std::string(a.variant) + "_under_" +
                                              std::string(a.under.name()) + "_" +
                                              std::string(name_of(a.op)) + "_" + a.scenario;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// A forged range reaches neither memory that is no longer the lock's nor a lock of the forger that is listed: what
// is lost is only ever the lock that is pending.
TEST(ForgedRange, HurtsNothingButThePendingLockOfTheForger) {
  const std::string library = std::string(VARIANT_DIRECTORY) + "/forged-range.so";
  for (const kernel::policy* under : {&posted, &mended}) {
    for (const char* scenario : {"reuse-same-process", "reuse-other-process", "remap-file"}) {
      for (const operation op : {unlock, contended}) {
        const auto report = audit_under(*under, library, op, scenario);
        EXPECT_EQ(count(report, corrupted), 0u) << replay_under(*under, report);
      }
    }
    for (const operation op : {lock, trylock, unlock}) {
      const auto report = audit_under(*under, library, op, "owner-killed");
      EXPECT_GT(report.facts.told, 0u) << "no listed lock was there to be lost";
      for (const violation& v : report.violations)
        EXPECT_TRUE(v.at.pending) << replay_under(*under, report);
    }
  }
}

} // namespace
} // namespace heirlock::lab
