// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <optional>

#include "lab/kernel/policy.hpp"
#include "lab/kernel/unlock_transaction.hpp"
#include "lab/process/trouble.hpp"
#include "lab/protocols/rseq_rl_cs/rseq_rl_cs.h"
#include "tests/lab/kernel/fake_memory.hpp"

namespace heirlock::lab::kernel {
namespace {

constexpr std::uint32_t me = dying_thread::tid;

// A thread whose area announces a descriptor with a range of its own for each of the two conditions.
struct unlocking_thread : dying_thread {
  static constexpr std::uint64_t area = 0x7f00'0000'2000;
  static constexpr std::uint64_t descriptor = 0x7f00'0000'3000;
  static constexpr std::uint64_t post_cond_store = 0x40'1000;
  static constexpr std::uint64_t post_success = 0x40'1008;
  static constexpr std::uint64_t post_clear = 0x40'1020;

  unlocking_thread() {
    task.rseq_area = remote_address{area};
    task.rseq_area_size = sizeof(rseq_area);
    memory.put64(area + offsetof(rseq_area, rseq_rl_cs), descriptor);
    memory.put64(descriptor, 0); // version and flags
    memory.put64(descriptor + offsetof(rseq_rl_cs, post_cond_store_ip), post_cond_store);
    memory.put64(descriptor + offsetof(rseq_rl_cs, post_success_ip), post_success);
    memory.put64(descriptor + offsetof(rseq_rl_cs, post_clear_op_pending_ip), post_clear);
    lock(0, me | FUTEX_WAITERS); // reused memory that looks like an owned lock
    pending(0);
  }

  transaction_state at(std::uint64_t ip) {
    task.cpu.ip = ip;
    return find_transaction(task);
  }
};

TEST(UnlockTransaction, ItsRangeBeginsAfterTheReleaseAndEndsAfterTheClear) {
  unlocking_thread t;
  EXPECT_EQ(t.at(unlocking_thread::post_success - 1), transaction_state::outside);
  EXPECT_EQ(t.at(unlocking_thread::post_success), transaction_state::inside);
  EXPECT_EQ(t.at(unlocking_thread::post_clear - 1), transaction_state::inside);
  EXPECT_EQ(t.at(unlocking_thread::post_clear), transaction_state::outside);
}

// What the releasing instruction leaves behind, as the manuals have it, and the register that this project chose where
// they leave it open: the values once more and not the rules', so that a wrong row is seen. A status in a flag may have
// any neighbours; one in a register of its own is the whole register, or its low half.
struct status_left_behind {
  architecture arch;
  std::optional<unsigned> in; // the general register; nullopt: in the register with the condition
  std::uint64_t success;
  std::uint64_t failure;
  std::uint64_t neighbours; // bits of the same register that mean something else
};

const status_left_behind left_behind[] = {
    {architecture::x86, std::nullopt, 0x40, 0, ~std::uint64_t{0x40}},   // ZF set
    {architecture::arm64, 9, 0, 1, 0xffff'ffff'0000'0000},              // w9, of x9
    {architecture::arm, 12, 0, 1, 0xffff'ffff'0000'0000},               // 32-bit registers
    {architecture::powerpc, std::nullopt, 0x2000'0000, 0, 0xdfff'ffff}, // CR0 is LT, GT, EQ, SO
    {architecture::riscv, 31, 0, 1, 0},                                 // t6; any other value but 0
    {architecture::mips, 8, 1, 0, 0},                                   // t0
    {architecture::loongarch, 20, 1, 0, 0},                             // t8
    {architecture::csky, 12, 1, 0, 0xffff'ffff'0000'0000},              // 32-bit registers
    {architecture::openrisc, std::nullopt, 0x200, 0, 0xffff'fdff},      // F is bit 9 of SR
    {architecture::s390, std::nullopt, 0, 0x1000'0000'0000, 0xffff'cfff'ffff'ffff}, // CC 0 and 1
};

// Whether it is taken for a success, with all the rest of the machine filled with `fill`.
bool counts_as_success(const status_left_behind& s, std::uint64_t status, std::uint64_t fill) {
  unlocking_thread t;
  t.task.cpu.arch = s.arch;
  t.task.cpu.general.fill(fill);
  t.task.cpu.condition = fill;
  (s.in ? t.task.cpu.general[*s.in] : t.task.cpu.condition) = status | (fill & s.neighbours);
  return t.at(unlocking_thread::post_cond_store) == transaction_state::inside;
}

TEST(UnlockTransaction, BehindTheConditionalStoreTheStatusOfTheArchitectureDecides) {
  for (const status_left_behind& s : left_behind)
    for (const std::uint64_t fill : {std::uint64_t{0}, ~std::uint64_t{0}}) {
      const std::string_view what = rule_of(s.arch).instruction;
      EXPECT_TRUE(counts_as_success(s, s.success, fill)) << what << ", rest " << fill;
      EXPECT_FALSE(counts_as_success(s, s.failure, fill)) << what << ", rest " << fill;
    }
}

// Each other value of a status that has more than two.
TEST(UnlockTransaction, AnyFailureIsAFailure) {
  const auto fails = [](architecture arch, std::optional<unsigned> in, std::uint64_t status) {
    return !counts_as_success({arch, in, 0, 0, 0}, status, 0);
  };
  EXPECT_TRUE(fails(architecture::riscv, 31, 2));
  EXPECT_TRUE(fails(architecture::riscv, 31, std::uint64_t{1} << 63));
  for (const std::uint64_t condition_code : {1, 2, 3})
    EXPECT_TRUE(fails(architecture::s390, std::nullopt, condition_code << 44));
}

TEST(UnlockTransaction, BehindTheSuccessNoStatusIsAskedFor) {
  for (const store_conditional_rule& rule : store_conditional_rules())
    for (const std::uint64_t fill : {std::uint64_t{0}, ~std::uint64_t{0}}) {
      unlocking_thread t;
      t.task.cpu.arch = rule.arch;
      t.task.cpu.general.fill(fill);
      t.task.cpu.condition = fill;
      EXPECT_EQ(t.at(unlocking_thread::post_success), transaction_state::inside)
          << rule.instruction;
    }
}

TEST(UnlockTransaction, EveryArchitectureHasOneRuleAndNothingElseHas) {
  EXPECT_EQ(std::size(left_behind), store_conditional_rules().size());
  for (const status_left_behind& s : left_behind)
    EXPECT_EQ(rule_of(s.arch).arch, s.arch);
  EXPECT_THROW(rule_of(static_cast<architecture>(std::size(left_behind))), trouble);
}

TEST(UnlockTransaction, AnAreaThatEndsBeforeTheFieldHasNone) {
  unlocking_thread t;
  t.task.rseq_area_size = RSEQ_AREA_SIZE_WITH_RL_CS - 1;
  EXPECT_EQ(t.at(unlocking_thread::post_success), transaction_state::none);
  t.task.rseq_area_size = RSEQ_AREA_SIZE_WITH_RL_CS;
  EXPECT_EQ(t.at(unlocking_thread::post_success), transaction_state::inside);
  t.task.rseq_area.reset();
  EXPECT_EQ(t.at(unlocking_thread::post_success), transaction_state::none);
}

TEST(UnlockTransaction, UnknownVersionsAndFlagsAreRefused) {
  unlocking_thread t;
  t.memory.words[unlocking_thread::descriptor + offsetof(rseq_rl_cs, version)] = 1;
  EXPECT_EQ(t.at(unlocking_thread::post_success), transaction_state::refused);
  t.memory.words[unlocking_thread::descriptor + offsetof(rseq_rl_cs, version)] = 0;
  t.memory.words[unlocking_thread::descriptor + offsetof(rseq_rl_cs, flags)] = 0x8000'0000;
  EXPECT_EQ(t.at(unlocking_thread::post_success), transaction_state::refused);
}

TEST(UnlockTransaction, AnUnmappedDescriptorIsAsIfThereWereNone) {
  unlocking_thread t;
  t.memory.words.erase(unlocking_thread::descriptor + 24);
  EXPECT_EQ(t.at(unlocking_thread::post_success), transaction_state::unreadable);
  stock_copy().thread_exits(t.task);
  const auto by_the_kernel = t.memory.words;
  unlocking_thread u;
  u.memory.words.erase(unlocking_thread::descriptor + 24);
  u.task.cpu.ip = unlocking_thread::post_success;
  rseq_rl_cs_mended().thread_exits(u.task);
  EXPECT_EQ(u.memory.words, by_the_kernel);
}

TEST(UnlockTransaction, A32BitThreadPublishesWithTheHighHalfZero) {
  unlocking_thread t;
  constexpr std::uint64_t low = 0xfff0'3000;
  for (unsigned i = 0; i < sizeof(rseq_rl_cs); i += 4)
    t.memory.words[low + i] = t.memory.words[unlocking_thread::descriptor + i];
  t.memory.words[unlocking_thread::area + offsetof(rseq_area, rseq_rl_cs)] = low;
  t.memory.words[unlocking_thread::area + offsetof(rseq_area, rseq_rl_cs) + 4] = 0;
  EXPECT_EQ(t.at(unlocking_thread::post_success), transaction_state::inside);
}

TEST(Policies, InsideATransactionOnlyTheChangedKernelsSpareForeignMemory) {
  for (const policy* p : all_policies()) {
    if (!p->replaces_the_kernel()) continue;
    unlocking_thread t;
    t.task.cpu.ip = unlocking_thread::post_success;
    p->thread_exits(t.task);
    const bool spared = t.memory.words[dying_thread::word(0)] == (me | FUTEX_WAITERS);
    EXPECT_EQ(spared, p->proposal() == "rseq-rl-cs") << p->name();
  }
}

TEST(Policies, OutsideATransactionAllReportTheDeath) {
  for (const policy* p : all_policies()) {
    if (!p->replaces_the_kernel()) continue;
    unlocking_thread t;
    t.task.cpu.ip = unlocking_thread::post_cond_store - 1;
    p->thread_exits(t.task);
    EXPECT_EQ(t.memory.words[dying_thread::word(0)], FUTEX_OWNER_DIED | FUTEX_WAITERS) << p->name();
    EXPECT_EQ(t.memory.wakes.size(), 1u) << p->name();
  }
}

TEST(Policies, InsideATransactionThePostedOneLosesTheWakeAndTheMendedOneGivesIt) {
  unlocking_thread posted;
  posted.task.cpu.ip = unlocking_thread::post_success;
  rseq_rl_cs_as_posted().thread_exits(posted.task);
  EXPECT_TRUE(posted.memory.wakes.empty());
  unlocking_thread mended;
  mended.task.cpu.ip = unlocking_thread::post_success;
  rseq_rl_cs_mended().thread_exits(mended.task);
  EXPECT_EQ(mended.memory.wakes, std::vector<std::uint64_t>{dying_thread::word(0)});
}

TEST(Policies, TheMendedOneGoesOnFromTheEndWhereTheThreadSaysWhereThatIs) {
  const auto reports_the_last = [](unsigned area_size, std::int64_t back_offset) {
    unlocking_thread t;
    t.lock(1, me);
    t.lock(2, me);
    const other_end end = t.list_two_way({1, 2});
    t.unmap(1);
    t.memory.put64(unlocking_thread::area + offsetof(rseq_area, rl_last), end.last);
    t.memory.put64(unlocking_thread::area + offsetof(rseq_area, rl_back_offset),
                   static_cast<std::uint64_t>(back_offset));
    t.task.rseq_area_size = area_size;
    rseq_rl_cs_mended().thread_exits(t.task);
    return t.memory.words[dying_thread::word(2)] == FUTEX_OWNER_DIED;
  };
  EXPECT_TRUE(reports_the_last(sizeof(rseq_area), dying_thread::back_offset));
  EXPECT_FALSE(reports_the_last(sizeof(rseq_area), 0)); // says nothing of a way back
  EXPECT_FALSE(reports_the_last(RSEQ_AREA_SIZE_WITH_RL_LAST - 1, dying_thread::back_offset));
}

TEST(Policies, TheMendedOneTakesANullFirstLinkForAFaultAndGoesOnFromTheEnd) {
  unlocking_thread t;
  t.lock(1, me);
  const other_end end = t.list_two_way({1});
  t.memory.put64(dying_thread::head + offsetof(robust_list_head, list), 0);
  t.memory.put64(unlocking_thread::area + offsetof(rseq_area, rl_last), end.last);
  t.memory.put64(unlocking_thread::area + offsetof(rseq_area, rl_back_offset),
                 static_cast<std::uint64_t>(end.back_offset));
  t.task.rseq_area_size = sizeof(rseq_area);
  rseq_rl_cs_mended().thread_exits(t.task);
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], FUTEX_OWNER_DIED);
}

TEST(Policies, ASignalInsideATransactionCompletesItUnderTheMendedPolicyAlone) {
  const auto pending_after = [](const policy& p, std::uint64_t ip) {
    unlocking_thread t;
    t.task.cpu.ip = ip;
    p.signal_arrives(t.task);
    return pending_operation_of(t.task).has_value();
  };
  EXPECT_FALSE(pending_after(rseq_rl_cs_mended(), unlocking_thread::post_success));
  EXPECT_TRUE(pending_after(rseq_rl_cs_mended(), unlocking_thread::post_cond_store - 1));
  EXPECT_TRUE(pending_after(rseq_rl_cs_as_posted(), unlocking_thread::post_success));
}

TEST(Policies, AForgedDescriptorReachesNothingButTheForgersOwnPendingLock) {
  // The widest range there is: every instruction counts as inside.
  unlocking_thread t;
  t.memory.put64(unlocking_thread::descriptor + offsetof(rseq_rl_cs, post_cond_store_ip), 0);
  t.memory.put64(unlocking_thread::descriptor + offsetof(rseq_rl_cs, post_success_ip), 0);
  t.memory.put64(unlocking_thread::descriptor + offsetof(rseq_rl_cs, post_clear_op_pending_ip),
                 ~std::uint64_t{0});
  t.lock(1, me | FUTEX_WAITERS);
  t.list({1});
  rseq_rl_cs_mended().thread_exits(t.task);
  EXPECT_EQ(t.memory.words[dying_thread::word(0)],
            me | FUTEX_WAITERS); // as if it had never announced the operation
  EXPECT_EQ(t.memory.words[dying_thread::word(1)], FUTEX_OWNER_DIED | FUTEX_WAITERS);
}

} // namespace
} // namespace heirlock::lab::kernel
