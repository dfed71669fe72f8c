// SPDX-License-Identifier: Apache-2.0
// What each kernel policy does to the users of the transaction and of the classic unlock.
#include <gtest/gtest.h>

#include <thread>

#include "lab/kernel/unlock_transaction.hpp"
#include "tests/lab/protocols/audit_under_policy.hpp"

namespace heirlock::lab {
namespace {

const std::string transaction = std::string(SUBJECT_DIRECTORY) + "/rseq-rl-cs.so";
const std::string classic = std::string(SUBJECT_DIRECTORY) + "/robust-list.so";
constexpr operation unlocks[] = {operation::unlock, operation::unlock_contended};
constexpr const char* reuses[] = {"reuse-same-process", "reuse-other-process", "remap-file"};

TEST(StockKernel, CorruptsReusedMemoryUnderTheClassicUnlockAndUnderTheTransaction) {
  for (const std::string& subject : {classic, transaction})
    EXPECT_EQ(count(audit_under(kernel::stock(), subject, operation::unlock, "reuse-other-process"),
                    verdict::corrupted),
              3u)
        << subject;
}

TEST(ProposalAsPosted, SparesReusedMemoryAtEveryKillPointOutsideHandlers) {
  for (const operation op : unlocks)
    for (const char* scenario : reuses)
      EXPECT_TRUE(is_clean(audit_under(kernel::rseq_rl_cs_as_posted(), transaction, op, scenario)))
          << name_of(op) << " " << scenario;
}

TEST(ProposalAsPosted, LosesTheWakeOfASleeperWhenKilledBetweenTheExchangeAndTheWake) {
  EXPECT_GT(count(audit_under(kernel::rseq_rl_cs_as_posted(), transaction,
                              operation::unlock_contended, "waiter-asleep"),
                  verdict::lost_wakeup),
            0u);
}

TEST(ProposalAsPosted, CorruptsReusedMemoryWhenKilledInAHandlerThatInterruptedTheTransaction) {
  EXPECT_GT(count(audit_under(kernel::rseq_rl_cs_as_posted(), transaction, operation::unlock,
                              "signal-in-window"),
                  verdict::corrupted),
            0u);
}

// The posted policy with one of its two answers for every place.
class posted_always final : public kernel::policy {
 public:
  explicit posted_always(kernel::pending_treatment pending) : pending_(pending) {}
  std::string_view name() const override { return "posted-always"; }
  std::string_view summary() const override { return {}; }
  void thread_exits(kernel::task& dying) const override {
    kernel::walk_rules rules;
    rules.pending = pending_;
    kernel::walk_robust_list(dying, rules);
  }

 private:
  const kernel::pending_treatment pending_;
};

TEST(ProposalAsPosted, IsFoundOutWhenItForgetsTheRangeOrTakesEveryPlaceForInside) {
  using kernel::pending_treatment;
  const posted_always never_inside(pending_treatment::normal);
  EXPECT_EQ(count(audit_under(never_inside, transaction, operation::unlock, "reuse-other-process"),
                  verdict::corrupted),
            3u);
  const posted_always ever_inside(pending_treatment::as_empty);
  EXPECT_GT(count(audit_under(ever_inside, transaction, operation::unlock, "owner-killed"),
                  verdict::owner_lost),
            0u);
}

// The mended policy without one of its five changes.
class mended_without final : public kernel::policy {
 public:
  enum class change { wake, completion_at_signals, order, longer_limit, both_ends };
  explicit mended_without(change left_out) : left_out_(left_out) {}

  std::string_view name() const override { return "mended-without"; }
  std::string_view summary() const override { return {}; }
  void thread_exits(kernel::task& dying) const override {
    const bool inside = kernel::find_transaction(dying) == kernel::transaction_state::inside;
    kernel::walk_rules rules;
    if (inside)
      rules.pending = left_out_ == change::wake ? kernel::pending_treatment::as_empty
                                                : kernel::pending_treatment::wake_only;
    rules.pending_first = left_out_ != change::order;
    if (left_out_ != change::longer_limit) rules.limit = kernel::long_list_limit;
    if (left_out_ != change::both_ends) rules.from_the_end = kernel::end_of_list(dying);
    kernel::walk_robust_list(dying, rules);
  }
  void signal_arrives(kernel::task& interrupted) const override {
    if (left_out_ != change::completion_at_signals)
      kernel::rseq_rl_cs_mended().signal_arrives(interrupted);
  }

 private:
  change left_out_;
};

TEST(MendedProposal, NeedsEachOfItsFiveChanges) {
  using change = mended_without::change;
  const mended_without no_wake(change::wake);
  EXPECT_GT(count(audit_under(no_wake, transaction, operation::unlock_contended, "waiter-asleep"),
                  verdict::lost_wakeup),
            0u);
  const mended_without no_completion(change::completion_at_signals);
  EXPECT_GT(count(audit_under(no_completion, transaction, operation::unlock, "signal-in-window"),
                  verdict::corrupted),
            0u);
  const mended_without limited(change::longer_limit);
  EXPECT_GT(count(audit_under(limited, transaction, operation::trylock, "many-held"),
                  verdict::owner_lost),
            0u);
  const mended_without one_end(change::both_ends);
  EXPECT_GT(count(audit_under(one_end, transaction, operation::trylock, "unmapped-while-held"),
                  verdict::owner_lost),
            0u);
  // A race between two CPUs: it can only be seen where there are two.
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "needs two CPUs";
  const mended_without pending_last(change::order);
  EXPECT_GT(count(audit_under(pending_last, transaction, operation::lock, "killed-while-locking"),
                  verdict::corrupted),
            0u);
}

} // namespace
} // namespace heirlock::lab
