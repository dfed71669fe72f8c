// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "lab/process/registers.hpp"

namespace heirlock::lab {

inline constexpr std::size_t longest_instruction = 16;

struct machine_code {
  std::array<std::byte, longest_instruction> bytes = {};
};

// What the audit needs to know of one machine instruction.
struct instruction_facts {
  std::string text; // as a disassembler prints it
  unsigned length = 0;
  bool is_system_call = false;
  // It does its work piece by piece, and a step ends behind each: x86's string instructions with a repeat prefix.
  bool repeats_itself = false;
};

struct memory_range {
  remote_address from;
  std::uint64_t bytes = 0;
};

// Decodes instructions of this machine.
class disassembler {
 public:
  disassembler();
  ~disassembler();
  disassembler(const disassembler&) = delete;
  disassembler& operator=(const disassembler&) = delete;

  instruction_facts decode(remote_address pc, const machine_code& code) const;

  // Where the instruction at the pc of `now` reads or writes memory in one of the ranges; nullopt: nowhere.
  std::optional<remote_address> touched(const registers& now, const machine_code& code,
                                        std::span<const memory_range> ranges) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace heirlock::lab
