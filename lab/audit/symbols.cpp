// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/symbols.hpp"

#include <elfutils/libdwfl.h>
#include <fmt/format.h>

#include <filesystem>

#include "lab/process/trouble.hpp"

namespace heirlock::lab {
namespace {

int find_debuginfo_locally(Dwfl_Module* module, void** user, const char* name, Dwarf_Addr base,
                           const char* file, const char* link, GElf_Word crc, char** found) {
  // Only what is installed: an audit does not ask the network.
  return dwfl_build_id_find_debuginfo(module, user, name, base, file, link, crc, found);
}

constexpr Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = find_debuginfo_locally,
    .section_address = nullptr,
    .debuginfo_path = nullptr,
};

} // namespace

std::string code_location::describe() const {
  return fmt::format("{}+{:#x}", symbol, offset);
}

struct symbol_table::state {
  Dwfl* dwfl = nullptr;
};

symbol_table::symbol_table(thread_id process) : state_(std::make_unique<state>()) {
  state_->dwfl = dwfl_begin(&callbacks);
  if (state_->dwfl == nullptr || dwfl_linux_proc_report(state_->dwfl, process.value) != 0 ||
      dwfl_report_end(state_->dwfl, nullptr, nullptr) != 0)
    throw trouble(
        fmt::format("cannot read the mappings of process {}: {}", process.value, dwfl_errmsg(-1)));
}

symbol_table::~symbol_table() {
  dwfl_end(state_->dwfl);
}

code_location symbol_table::locate(remote_address pc) const {
  Dwfl_Module* const module = dwfl_addrmodule(state_->dwfl, pc.value);
  if (module == nullptr) return {"(unmapped)", pc.value, "", 0};
  Dwarf_Addr start = 0;
  const char* const path =
      dwfl_module_info(module, nullptr, &start, nullptr, nullptr, nullptr, nullptr, nullptr);
  code_location where;
  where.module = path != nullptr ? path : "";
  where.module_offset = pc.value - start;
  GElf_Off offset = 0;
  GElf_Sym symbol;
  const char* const name =
      dwfl_module_addrinfo(module, pc.value, &offset, &symbol, nullptr, nullptr, nullptr);
  // A stripped file names only what it exports; the nearest export before is then another function.
  if (name != nullptr && (symbol.st_size == 0 || offset < symbol.st_size)) {
    where.symbol = name;
    where.offset = offset;
  } else {
    where.symbol = std::filesystem::path(where.module).filename();
    where.offset = where.module_offset;
  }
  return where;
}

} // namespace heirlock::lab
