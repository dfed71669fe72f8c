// SPDX-License-Identifier: Apache-2.0
#include "lab/audit/symbols.hpp"

#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>

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

// pthread_cond_signal@@GLIBC_2.3.2 is pthread_cond_signal to those who call it.
bool is_named(std::string_view symbol, const std::string& name) {
  if (symbol.substr(0, symbol.find('@')) == name) return true;
  if (!symbol.starts_with("_Z")) return false;
  int status = 0;
  char* const readable =
      abi::__cxa_demangle(std::string(symbol).c_str(), nullptr, nullptr, &status);
  if (readable == nullptr) return false;
  const std::string_view text(readable);
  const bool same = text == name || text.substr(0, text.find('(')) == name;
  std::free(readable); // NOLINT(cppcoreguidelines-no-malloc): malloc'ed, says the ABI
  return same;
}

const char* path_of(Dwfl_Module* module) {
  const char* file = nullptr;
  const char* const name =
      dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, &file, nullptr);
  return name != nullptr ? name : "?";
}

struct function_search {
  const std::string& name;
  std::vector<remote_address> found;
  std::string indirect_in;        // the file in which it is an indirect function
  bool beside_the_loader = false; // a file other than the loader has it as a common one
};

int search_module(Dwfl_Module* module, void**, const char*, Dwarf_Addr, void* argument) {
  auto& search = *static_cast<function_search*>(argument);
  std::vector<remote_address> here;
  bool indirect = false;
  const int count = dwfl_module_getsymtab(module);
  for (int i = 1; i < count; ++i) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    GElf_Word section = SHN_UNDEF;
    const char* const name =
        dwfl_module_getsym_info(module, i, &symbol, &address, &section, nullptr, nullptr);
    const unsigned type = GELF_ST_TYPE(symbol.st_info);
    // Assembler code may have labels only.
    const bool is_code = type == STT_FUNC || type == STT_NOTYPE || type == STT_GNU_IFUNC;
    if (name == nullptr || section == SHN_UNDEF || section == SHN_ABS || !is_code ||
        !is_named(name, search.name))
      continue;
    indirect = indirect || type == STT_GNU_IFUNC;
    here.push_back({address});
  }
  const std::string path = path_of(module);
  if (indirect) {
    // A plain function beside it is an older version, which nothing new is linked with.
    search.indirect_in = path;
    return DWARF_CB_OK;
  }
  for (const remote_address address : here)
    if (std::find(search.found.begin(), search.found.end(), address) == search.found.end())
      search.found.push_back(address);
  // The loader has plain copies of its own of what it needs before libc is there.
  search.beside_the_loader =
      search.beside_the_loader ||
      (!here.empty() && !std::filesystem::path(path).filename().string().starts_with("ld-"));
  return DWARF_CB_OK;
}

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
    throw trouble(fmt::format(
        "cannot read the mappings of process {}: {}; is /proc that of this PID namespace "
        "(unshare --pid --fork --mount-proc)?",
        process.value, dwfl_errmsg(-1)));
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

std::vector<remote_address> symbol_table::functions_named(const std::string& name) const {
  function_search search = {name, {}, {}};
  dwfl_getmodules(state_->dwfl, search_module, &search, 0);
  if (!search.beside_the_loader && !search.indirect_in.empty())
    throw trouble(fmt::format(
        "{} is an indirect function of {}: the loader picks one of its implementations; name the "
        "one that this machine uses",
        name, search.indirect_in));
  return std::move(search.found);
}

std::vector<std::string> symbol_table::modules() const {
  std::vector<std::string> paths;
  dwfl_getmodules(
      state_->dwfl,
      [](Dwfl_Module* module, void**, const char*, Dwarf_Addr, void* argument) -> int {
        static_cast<std::vector<std::string>*>(argument)->emplace_back(path_of(module));
        return DWARF_CB_OK;
      },
      &paths, 0);
  return paths;
}

} // namespace heirlock::lab
