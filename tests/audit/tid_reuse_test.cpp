// SPDX-License-Identifier: Apache-2.0
// Who is taken for the owner when a later thread gets the dead owner's TID: by the C library's mutexes, at every kill
// point. What is not robust and counts or checks its owner is deceived, whatever the instruction; nothing else is.
#include <gtest/gtest.h>

#include <string>

#include "lab/actor/stage.hpp"
#include "lab/audit/audit.hpp"
#include "lab/audit/report.hpp"
#include "lab/process/chosen_id.hpp"
#include "lab/scenarios/scenarios.hpp"

namespace heirlock::lab {
namespace {

class ThreadWithTheDeadOwnersTid : public testing::Test {
 protected:
  void SetUp() override {
    if (!why_ids_cannot_be_chosen().empty()) GTEST_SKIP() << why_ids_cannot_be_chosen();
  }

  static case_report audit(const char* subject, operation op) {
    stage_options surroundings;
    surroundings.subject = subject;
    surroundings.actor_program = HEIRLOCK_ACTOR_PROGRAM;
    stage st(surroundings);
    case_report report = audit_case(st, *scenario_named("recursive-tid-reuse"), op, {});
    EXPECT_EQ(report.facts.id_again, report.facts.runs) << "somebody else's TID";
    EXPECT_EQ(report.facts.died_owning > 0, op != operation::trylock_contended);
    return report;
  }

  // Each violation is that one, with all that the newcomer could do, and none where the victim did not own the lock.
  static void expect_deceived(const case_report& report, const std::string& liberties) {
    EXPECT_EQ(report.violations.empty(), report.facts.died_owning == 0);
    for (const violation& v : report.violations)
      for (const observation& seen : v.seen) {
        EXPECT_EQ(seen.what.what, verdict::false_owner);
        EXPECT_TRUE(seen.what.note.ends_with(": " + liberties)) << seen.what.note << '\n'
                                                                << text_report(report, {});
      }
    unsigned seen = 0;
    for (const violation& v : report.violations)
      seen += static_cast<unsigned>(v.seen.size());
    EXPECT_EQ(seen, report.facts.died_owning);
  }
};

TEST_F(ThreadWithTheDeadOwnersTid, OwnsARecursiveMutexOfTheCLibrary) {
  for (const operation op : all_operations) {
    SCOPED_TRACE(name_of(op));
    expect_deceived(audit("pthread-recursive", op),
                    "lock does not wait, trylock succeeds, unlock succeeds");
  }
}

TEST_F(ThreadWithTheDeadOwnersTid, OwnsAnErrorCheckingMutexOfTheCLibrary) {
  for (const operation op : all_operations) {
    SCOPED_TRACE(name_of(op));
    expect_deceived(audit("pthread-errorcheck", op), "lock returns EDEADLK, unlock succeeds");
  }
}

TEST_F(ThreadWithTheDeadOwnersTid, IsTreatedLikeAnyOtherByRobustAndNormalMutexes) {
  for (const char* subject : {"pthread-robust", "pthread-normal"})
    for (const operation op : all_operations) {
      const case_report report = audit(subject, op);
      EXPECT_FALSE(report.has_violations()) << text_report(report, {});
    }
}

} // namespace
} // namespace heirlock::lab
