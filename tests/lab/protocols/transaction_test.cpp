// SPDX-License-Identifier: Apache-2.0
// Checks the assembled transactions against what their descriptors say: the instruction before each of the three
// addresses must be the one that the interface names. And what the header makes of a descriptor that is published.
#include <gtest/gtest.h>

#include <capstone/capstone.h>
#include <elf.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <ostream>
#include <span>
#include <vector>

#include "lab/kernel/cpu_state.hpp"
#include "lab/protocols/rseq_rl_cs/rseq_rl_cs.h"

namespace heirlock::lab {
namespace {

struct instruction {
  std::uint64_t address;
  std::string mnemonic;
  std::string operands;
};

std::vector<char> contents_of(const std::string& file_name) {
  const std::string path = std::string(IMAGE_DIRECTORY) + "/" + file_name;
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  if (bytes.empty()) throw std::runtime_error("cannot read " + path);
  return bytes;
}

std::vector<instruction> disassembled(cs_arch arch, cs_mode mode, std::span<const char> bytes,
                                      std::uint64_t address) {
  csh handle = 0;
  if (cs_open(arch, mode, &handle) != CS_ERR_OK) throw std::runtime_error("no such disassembler");
  // Instructions that Capstone 4 does not know (ARMv8.1) are kept as data of their size.
  cs_option(handle, CS_OPT_SKIPDATA, CS_OPT_ON);
  cs_insn* found = nullptr;
  const std::size_t count = cs_disasm(handle, reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                      bytes.size(), address, 0, &found);
  std::vector<instruction> code;
  for (std::size_t i = 0; i < count; ++i)
    code.push_back({found[i].address, found[i].mnemonic, found[i].op_str});
  cs_free(found, count);
  cs_close(&handle);
  return code;
}

// One linked form of the transaction.
class image {
 public:
  explicit image(const std::string& form) : bytes_(contents_of(form + ".elf")) {
    const auto header = at<Elf64_Ehdr>(0);
    const auto names = at<Elf64_Shdr>(header.e_shoff + header.e_shstrndx * sizeof(Elf64_Shdr));
    for (unsigned i = 0; i < header.e_shnum; ++i) {
      const auto section = at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
      const std::string name = &bytes_[names.sh_offset + section.sh_name];
      if (name == "__rseq_rl_cs") {
        descriptor = at<rseq_rl_cs>(section.sh_offset);
        descriptors = section.sh_size / sizeof(rseq_rl_cs);
        alignment = section.sh_addralign;
      }
      if (name == ".text")
        code = header.e_machine == EM_AARCH64
                   ? disassembled(CS_ARCH_ARM64, CS_MODE_ARM, text_of(section), section.sh_addr)
                   : disassembled(CS_ARCH_X86, CS_MODE_64, text_of(section), section.sh_addr);
    }
  }

  // The instruction that ends at the address.
  const instruction& before(std::uint64_t address) const { return code.at(index(address) - 1); }
  const instruction& from(std::uint64_t address) const { return code.at(index(address)); }
  std::size_t index(std::uint64_t address) const {
    for (std::size_t i = 0; i < code.size(); ++i)
      if (code[i].address == address) return i;
    throw std::runtime_error("no instruction begins there");
  }

  rseq_rl_cs descriptor = {};
  std::size_t descriptors = 0;
  std::uint64_t alignment = 0;
  std::vector<instruction> code;

 private:
  template <class T>
  T at(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, &bytes_.at(offset), sizeof value);
    return value;
  }
  std::span<const char> text_of(const Elf64_Shdr& section) const {
    return std::span(bytes_).subspan(section.sh_offset, section.sh_size);
  }

  std::vector<char> bytes_;
};

void expect_common(const image& form, const std::string& clearing_store,
                   const std::string& operands) {
  EXPECT_EQ(form.descriptors, 1u);
  EXPECT_EQ(form.alignment, sizeof(rseq_rl_cs));
  EXPECT_EQ(rseq_rl_cs_check(&form.descriptor), RSEQ_RL_CS_ACCEPTED);
  const instruction& clear = form.before(form.descriptor.post_clear_op_pending_ip);
  EXPECT_EQ(clear.mnemonic, clearing_store);
  EXPECT_EQ(clear.operands, operands);
}

TEST(UnlockTransactionCode, X86ExchangesOnceSoBothAddressesAreOne) {
  const image form("x86_64");
  EXPECT_EQ(form.descriptor.post_cond_store_ip, form.descriptor.post_success_ip);
  EXPECT_EQ(form.before(form.descriptor.post_success_ip).mnemonic, "xchg");
  expect_common(form, "mov", "qword ptr [r8], 0");
}

TEST(UnlockTransactionCode, Aarch64LlscBranchesBackBetweenTheTwoAddresses) {
  const image form("aarch64_llsc");
  const instruction& store = form.before(form.descriptor.post_cond_store_ip);
  EXPECT_EQ(store.mnemonic, "stlxr");
  const instruction& branch = form.from(form.descriptor.post_cond_store_ip);
  EXPECT_EQ(branch.mnemonic, "cbnz");
  EXPECT_EQ(branch.address + 4, form.descriptor.post_success_ip);
  // Back to the load-exclusive, so that a failed store is tried again.
  EXPECT_EQ(form.code.at(form.index(store.address) - 1).mnemonic, "ldxr");
  EXPECT_NE(branch.operands.find("#0x" +
                                 [&] {
                                   char text[32];
                                   snprintf(text, sizeof text, "%llx",
                                            static_cast<unsigned long long>(store.address - 4));
                                   return std::string(text);
                                 }()),
            std::string::npos);
  expect_common(form, "str", "xzr, [x5]");
}

TEST(UnlockTransactionCode, Aarch64LlscReportsInTheRegisterThatTheKernelsRuleNames) {
  const image form("aarch64_llsc");
  const auto& rule = kernel::rule_of(kernel::architecture::arm64);
  const std::string status = "w" + std::to_string(rule.index);
  EXPECT_EQ(form.before(form.descriptor.post_cond_store_ip).operands.substr(0, status.size() + 1),
            status + ",");
  EXPECT_EQ(form.from(form.descriptor.post_cond_store_ip).operands.substr(0, status.size() + 1),
            status + ",");
  EXPECT_FALSE(rule.success_is_set); // stlxr and cbnz: zero is success
}

TEST(UnlockTransactionCode, Aarch64LseSwapsOnceSoBothAddressesAreOne) {
  const image form("aarch64_lse");
  EXPECT_EQ(form.descriptor.post_cond_store_ip, form.descriptor.post_success_ip);
  const instruction& swap = form.before(form.descriptor.post_success_ip);
  EXPECT_EQ(swap.mnemonic, ".byte");
  EXPECT_EQ(swap.operands, "0x04, 0x80, 0x7f, 0xb8"); // swpl wzr, w4, [x0]
  expect_common(form, "str", "xzr, [x5]");
}

TEST(UnlockTransactionCode, TheWakeLiesInsideTheRange) {
  for (const char* name : {"x86_64", "aarch64_llsc", "aarch64_lse"}) {
    const image form(name);
    unsigned system_calls = 0;
    for (const instruction& i : form.code) {
      if (i.mnemonic != "syscall" && i.mnemonic != "svc") continue;
      ++system_calls;
      EXPECT_GE(i.address, form.descriptor.post_success_ip) << name;
      EXPECT_LT(i.address, form.descriptor.post_clear_op_pending_ip) << name;
    }
    EXPECT_EQ(system_calls, 1u) << name;
  }
}

// The store of rseq_rl_cs_publish() for each kind of thread (header_in_c.c).
struct kind_of_thread {
  const char* name;
  cs_arch arch;
  cs_mode mode;
  const char* store;
};

void PrintTo(const kind_of_thread& kind, std::ostream* to) {
  *to << kind.name << ": " << kind.store;
}

bool stores(const instruction& i) {
  return i.mnemonic.starts_with("st") ||
         (i.mnemonic == "mov" && i.operands.find("ptr [") < i.operands.find(','));
}

class Publishing : public testing::TestWithParam<kind_of_thread> {};

TEST_P(Publishing, IsOneStoreOfAWholeAddressIntoTheLowOrderBits) {
  const auto& [name, arch, mode, store] = GetParam();
  const auto bytes = contents_of(std::string("publish_") + name + ".bin");
  std::vector<std::string> seen;
  for (const instruction& i : disassembled(arch, mode, bytes, 0))
    if (stores(i)) seen.push_back(i.mnemonic + " " + i.operands);
  EXPECT_EQ(seen, std::vector<std::string>{store});
}

constexpr kind_of_thread kinds[] = {
#if defined(__x86_64__)
    {"x86_64", CS_ARCH_X86, CS_MODE_64, "mov qword ptr [rdi + 0x20], rsi"},
    {"i386", CS_ARCH_X86, CS_MODE_32, "mov dword ptr [eax + 0x20], edx"},
#endif
    {"aarch64", CS_ARCH_ARM64, CS_MODE_ARM, "str x1, [x0, #0x20]"},
    {"aarch64_ilp32", CS_ARCH_ARM64, CS_MODE_ARM, "str w1, [x0, #0x20]"},
    // The low-order half comes last. (Instructions are little-endian there too.)
    {"aarch64_ilp32_be", CS_ARCH_ARM64, CS_MODE_ARM, "str w1, [x0, #0x24]"},
};

INSTANTIATE_TEST_SUITE_P(Thread, Publishing, testing::ValuesIn(kinds),
                         [](const auto& one) { return std::string(one.param.name); });

} // namespace
} // namespace heirlock::lab
