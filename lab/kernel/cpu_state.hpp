// SPDX-License-Identifier: Apache-2.0
// The registers of a dying thread, in one form for every architecture, and the rule by which a kernel sees from
// them whether a store-conditional has succeeded.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace heirlock::lab::kernel {

enum class architecture { x86, arm64, arm, powerpc, riscv, mips, loongarch, csky, openrisc, s390 };

struct cpu_state {
  architecture arch = architecture::x86;
  std::uint64_t ip = 0;
  std::array<std::uint64_t, 32> general = {}; // numbered as the architecture numbers them
  // The register with the condition: eflags, CR, SR, or the mask half of the PSW. Where conditions are no
  // part of any rule it stays 0.
  std::uint64_t condition = 0;
};

// ll_sc_success(regs) of the proposal, for one architecture. The thread leaves it to "the appropriate
// registers or flags, as defined by the architecture ABI", but where the instruction names its status
// register freely no ABI says which one an unlock uses: `index` fixes it, and the assembler forms obey.
struct store_conditional_rule {
  enum class place { general, condition };

  architecture arch;
  std::string_view instruction; // the releasing instruction that can fail
  place where;
  unsigned index;      // of the general register
  std::uint64_t mask;  // the bits that tell
  bool success_is_set; // success: some of the bits are set; otherwise: all are clear
};

std::span<const store_conditional_rule> store_conditional_rules();
const store_conditional_rule& rule_of(architecture arch);

bool store_conditional_succeeded(const cpu_state& cpu);

} // namespace heirlock::lab::kernel
