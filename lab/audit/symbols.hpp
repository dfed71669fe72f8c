// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// Where an address lies: in which function of which file.
struct code_location {
  std::string symbol;       // the function, or the file's name where no symbol covers the address
  std::uint64_t offset = 0; // bytes from there
  std::string module;       // the file's path
  std::uint64_t module_offset = 0; // bytes from where the file is loaded

  std::string describe() const; // symbol+0xoffset
};

// The symbols of a process as it is mapped now; separate debug files are used where they are installed.
class symbol_table {
 public:
  explicit symbol_table(thread_id process);
  ~symbol_table();
  symbol_table(const symbol_table&) = delete;
  symbol_table& operator=(const symbol_table&) = delete;

  code_location locate(remote_address pc) const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace heirlock::lab
