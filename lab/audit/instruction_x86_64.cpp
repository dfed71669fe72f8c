// SPDX-License-Identifier: Apache-2.0
#include <capstone/capstone.h>
#include <fmt/format.h>

#include "lab/audit/instruction.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

// Capstone allocates what it decodes.
class decoded {
 public:
  decoded(csh handle, std::uint64_t pc, const machine_code& code) {
    count_ = cs_disasm(handle, reinterpret_cast<const std::uint8_t*>(code.bytes.data()),
                       code.bytes.size(), pc, 1, &insn_);
  }
  ~decoded() {
    if (insn_ != nullptr) cs_free(insn_, count_);
  }
  decoded(const decoded&) = delete;
  decoded& operator=(const decoded&) = delete;
  const cs_insn* get() const { return count_ == 1 ? insn_ : nullptr; }

 private:
  cs_insn* insn_ = nullptr;
  std::size_t count_ = 0;
};

// The 64-bit register that a memory operand names. Narrower ones are not used in 64-bit addressing.
std::uint64_t value_of(x86_reg reg, const user_regs_struct& r, std::uint64_t next_pc) {
  switch (reg) {
  case X86_REG_RAX:
    return r.rax;
  case X86_REG_RBX:
    return r.rbx;
  case X86_REG_RCX:
    return r.rcx;
  case X86_REG_RDX:
    return r.rdx;
  case X86_REG_RSI:
    return r.rsi;
  case X86_REG_RDI:
    return r.rdi;
  case X86_REG_RBP:
    return r.rbp;
  case X86_REG_RSP:
    return r.rsp;
  case X86_REG_R8:
    return r.r8;
  case X86_REG_R9:
    return r.r9;
  case X86_REG_R10:
    return r.r10;
  case X86_REG_R11:
    return r.r11;
  case X86_REG_R12:
    return r.r12;
  case X86_REG_R13:
    return r.r13;
  case X86_REG_R14:
    return r.r14;
  case X86_REG_R15:
    return r.r15;
  case X86_REG_RIP:
    return next_pc;
  default:
    return 0;
  }
}

// MOVSD and CMPSD are the names of SSE instructions as well, which have such a prefix too; never mind, for these are done
// at once.
bool repeats_itself(const cs_insn& i) {
  const std::uint8_t prefix = i.detail->x86.prefix[0];
  if (prefix != X86_PREFIX_REP && prefix != X86_PREFIX_REPNE) return false;
  switch (i.id) {
  case X86_INS_MOVSB:
  case X86_INS_MOVSW:
  case X86_INS_MOVSD:
  case X86_INS_MOVSQ:
  case X86_INS_STOSB:
  case X86_INS_STOSW:
  case X86_INS_STOSD:
  case X86_INS_STOSQ:
  case X86_INS_LODSB:
  case X86_INS_LODSW:
  case X86_INS_LODSD:
  case X86_INS_LODSQ:
  case X86_INS_CMPSB:
  case X86_INS_CMPSW:
  case X86_INS_CMPSD:
  case X86_INS_CMPSQ:
  case X86_INS_SCASB:
  case X86_INS_SCASW:
  case X86_INS_SCASD:
  case X86_INS_SCASQ:
    return true;
  default:
    return false; // of other instructions these prefixes are a part
  }
}

} // namespace

struct disassembler::state {
  csh handle = 0;
};

disassembler::disassembler() : state_(std::make_unique<state>()) {
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &state_->handle) != CS_ERR_OK)
    throw trouble(
        "Capstone cannot disassemble x86-64: install a libcapstone built with that target");
  cs_option(state_->handle, CS_OPT_DETAIL, CS_OPT_ON);
}

disassembler::~disassembler() {
  cs_close(&state_->handle);
}

instruction_facts disassembler::decode(remote_address pc, const machine_code& code) const {
  const decoded d(state_->handle, pc.value, code);
  if (d.get() == nullptr) return {"(not decoded)", 1, false, false};
  const cs_insn& i = *d.get();
  return {*i.op_str != '\0' ? fmt::format("{} {}", i.mnemonic, i.op_str) : std::string(i.mnemonic),
          i.size, i.id == X86_INS_SYSCALL, repeats_itself(i)};
}

std::optional<remote_address> disassembler::touched(const registers& now, const machine_code& code,
                                                    std::span<const memory_range> ranges) const {
  const decoded d(state_->handle, now.pc().value, code);
  if (d.get() == nullptr || d.get()->id == X86_INS_LEA || d.get()->id == X86_INS_NOP)
    return std::nullopt;
  const cs_x86& x86 = d.get()->detail->x86;
  for (unsigned i = 0; i < x86.op_count; ++i) {
    const cs_x86_op& operand = x86.operands[i];
    if (operand.type != X86_OP_MEM) continue;
    std::uint64_t at = static_cast<std::uint64_t>(operand.mem.disp);
    if (operand.mem.segment == X86_REG_FS) at += now.raw().fs_base;
    if (operand.mem.segment == X86_REG_GS) at += now.raw().gs_base;
    const std::uint64_t next = now.pc().value + d.get()->size;
    at += value_of(operand.mem.base, now.raw(), next);
    at += value_of(operand.mem.index, now.raw(), next) *
          static_cast<std::uint64_t>(operand.mem.scale);
    for (const memory_range& range : ranges)
      if (at < range.from.value + range.bytes && at + operand.size > range.from.value)
        return remote_address{at};
  }
  return std::nullopt;
}

} // namespace heirlock::lab
