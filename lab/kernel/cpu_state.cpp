// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel/cpu_state.hpp"

#include <algorithm>

#include "lab/process/trouble.hpp"

namespace heirlock::lab::kernel {
namespace {

using place = store_conditional_rule::place;

constexpr std::uint64_t low_word = 0xffff'ffff;
constexpr std::uint64_t any_bit = ~std::uint64_t{0};
constexpr std::uint64_t zero_flag = std::uint64_t{1} << 6;  // eflags.ZF
constexpr std::uint64_t cr0_equal = std::uint64_t{1} << 29; // CR0.EQ of the 32-bit CR
constexpr std::uint64_t sr_flag = std::uint64_t{1} << 9;    // SR.F
constexpr std::uint64_t psw_condition = std::uint64_t{3}
                                        << 44; // the condition code in the PSW mask

// x86 and s390 have compare-and-swap instead, whose failure shows in the condition; with an exchange, which
// cannot fail, post_success_ip equals post_cond_store_ip and the rule is never asked. The registers of arm,
// riscv, mips, loongarch and csky are this project's choice, from those that a call may destroy.
constexpr store_conditional_rule rules[] = {
    {architecture::x86, "cmpxchg", place::condition, 0, zero_flag, true},
    {architecture::arm64, "stlxr", place::general, 9, low_word, false},
    {architecture::arm, "strex", place::general, 12, low_word, false},
    {architecture::powerpc, "stwcx.", place::condition, 0, cr0_equal, true},
    {architecture::riscv, "sc.w", place::general, 31, any_bit, false},
    {architecture::mips, "sc", place::general, 8, any_bit, true},
    {architecture::loongarch, "sc.w", place::general, 20, any_bit, true},
    {architecture::csky, "stex.w", place::general, 12, low_word, true},
    {architecture::openrisc, "l.swa", place::condition, 0, sr_flag, true},
    {architecture::s390, "cs", place::condition, 0, psw_condition, false},
};

} // namespace

std::span<const store_conditional_rule> store_conditional_rules() {
  return rules;
}

const store_conditional_rule& rule_of(architecture arch) {
  const auto found = std::ranges::find(rules, arch, &store_conditional_rule::arch);
  if (found == std::end(rules))
    throw trouble("this architecture has no rule that says whether a store-conditional succeeded");
  return *found;
}

bool store_conditional_succeeded(const cpu_state& cpu) {
  const store_conditional_rule& rule = rule_of(cpu.arch);
  const std::uint64_t status =
      rule.where == place::general ? cpu.general[rule.index] : cpu.condition;
  return ((status & rule.mask) != 0) == rule.success_is_set;
}

} // namespace heirlock::lab::kernel
