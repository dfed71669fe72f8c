// SPDX-License-Identifier: Apache-2.0
#include "tests/audit/toy/toy_library.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <stdexcept>

namespace heirlock::lab {
namespace {

struct text_search {
  ElfW(Addr) inside;
  address_range found;
};

int find_text(dl_phdr_info* info, std::size_t, void* data) {
  auto& search = *static_cast<text_search*>(data);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || !(header.p_flags & PF_X)) continue;
    const auto begin = info->dlpi_addr + header.p_vaddr;
    const address_range range{begin, begin + header.p_memsz};
    if (range.contains(search.inside)) {
      search.found = range;
      return 1;
    }
  }
  return 0;
}

void* symbol(void* handle, const std::string& path, const char* name) {
  if (void* found = dlsym(handle, name)) return found;
  throw std::runtime_error(path + " does not export " + name);
}

} // namespace

toy_library::toy_library(const std::string& path)
    : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (!handle_) throw std::runtime_error(dlerror());
  try {
    auto entry =
        reinterpret_cast<const heirlock_subject* (*)()>(symbol(handle_, path, "heirlock_subject"));
    subject_ = entry();
    if (!subject_) throw std::runtime_error(path + ": heirlock_subject() returned no subject");
    auto expectation =
        static_cast<const toy_expectation*>(symbol(handle_, path, "heirlock_toy_expectations"));
    for (; expectation->op; ++expectation)
      expectations_.push_back(*expectation);
    text_search search{reinterpret_cast<ElfW(Addr)>(entry), {}};
    dl_iterate_phdr(find_text, &search);
    text_ = search.found;
  } catch (...) {
    dlclose(handle_);
    throw;
  }
}

std::uint64_t toy_library::module_offset(std::uintptr_t address) const {
  Dl_info info = {};
  if (dladdr(reinterpret_cast<const void*>(text_.begin), &info) == 0)
    throw std::runtime_error("the toy is not mapped");
  return address - reinterpret_cast<std::uintptr_t>(info.dli_fbase);
}

toy_library::~toy_library() {
  dlclose(handle_);
}

} // namespace heirlock::lab
