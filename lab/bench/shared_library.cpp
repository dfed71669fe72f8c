// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/shared_library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "lab/process/trouble.hpp"

namespace heirlock::lab::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char* soname = "libheirlock.so.0";

// As it is built beside the program, as it is installed beside it, and as the loader finds it.
void* load() {
  const fs::path programs = fs::read_symlink("/proc/self/exe").parent_path();
  for (const char* const directory : {"../src", "../lib"}) {
    const fs::path beside = programs / directory / soname;
    if (fs::exists(beside)) return dlopen(beside.c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  return dlopen(soname, RTLD_NOW | RTLD_LOCAL);
}

template <class Function>
void find(void* library, const char* name, Function& into) {
  into = reinterpret_cast<Function>(dlsym(library, name));
  if (into == nullptr) throw trouble(fmt::format("{} has no {}: another version?", soname, name));
}

} // namespace

// Never closed: the library stays loaded by its own wish.
shared_library::shared_library() {
  void* const library = load();
  if (library == nullptr)
    throw trouble(fmt::format("cannot load heirlock's shared library: {}; build it, or leave the "
                              "rivals out that need it (--filter)",
                              dlerror()));
  find(library, "heirlock_domain_open", domain_open);
  find(library, "heirlock_mutex_init", init);
  find(library, "heirlock_mutex_lock", lock);
  find(library, "heirlock_mutex_unlock", unlock);
  find(library, "heirlock_mutex_consistent", consistent);
}

heirlock_domain_t* shared_library::nameless(unlock_mode mode, unsigned threads) const {
  heirlock_error_t error = {};
  const int file = heirlock_domain_memfd(&error);
  if (file < 0) throw trouble(error.text);
  heirlock_domain_t* domain = nullptr;
  const int code = domain_open(
      &domain_options::of_descriptor(file).threads(threads).unlock(mode).raw(), &domain, &error);
  close(file);
  if (code != 0) throw trouble(error.text);
  return domain;
}

heirlock_c::heirlock_c(const shared_library& library, heirlock_domain_t* domain)
    : mutex_{}, library_(library) {
  const heirlock_mutexattr_t attributes = {HEIRLOCK_MUTEX_NORMAL, 0, domain};
  if (library_.init(&mutex_, &attributes) != 0) throw trouble("heirlock_mutex_init failed");
}

void heirlock_c::recover() {
  const int code = library_.lock(&mutex_);
  if (code == EOWNERDEAD) library_.consistent(&mutex_);
  if (code != 0 && code != EOWNERDEAD) std::abort();
}

} // namespace heirlock::lab::bench
