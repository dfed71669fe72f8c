// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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

  // Where functions of this name are: as the file's symbols have it, without its version, or as a
  // programmer writes it (C++). Each place once, whatever aliases it has. Throws trouble when the name
  // is one that the loader resolves at run time (an indirect function).
  std::vector<remote_address> functions_named(const std::string& name) const;

  // The files that are searched.
  std::vector<std::string> modules() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace heirlock::lab
