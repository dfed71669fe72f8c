// SPDX-License-Identifier: Apache-2.0
#include "lab/bench/entrant.hpp"

#include <unistd.h>

#include "lab/bench/kernel_rivals.hpp"
#include "lab/bench/nameless_domain.hpp"
#include "lab/bench/plain_futex.hpp"
#include "lab/bench/shared_library.hpp"
#include "lab/bench/shared_object.hpp"
#include "lab/process/trouble.hpp"

namespace heirlock::lab::bench {
namespace {

constexpr unsigned threads = 64;

template <rival Lock, class... Arguments>
entrant make_shared_memory(const std::string& name, Arguments&&... arguments) {
  auto storage = std::make_shared<shared_object<Lock>>(std::forward<Arguments>(arguments)...);
  Lock& lock = **storage;
  return entrant_of(name, lock, std::move(storage));
}

// Each process has its own copy, after fork; what is shared is in the kernel.
template <rival Lock>
entrant make_in_kernel(const std::string& name) {
  auto storage = std::make_shared<Lock>();
  Lock& lock = *storage;
  return entrant_of(name, lock, std::move(storage));
}

entrant make_inline(const std::string& name, unlock_mode mode) {
  struct with_domain {
    explicit with_domain(unlock_mode how) : domain(how, threads), lock(domain.get()) {}
    nameless_domain domain; // outlives the lock
    shared_object<heirlock_inline> lock;
  };
  auto storage = std::make_shared<with_domain>(mode);
  heirlock_inline& lock = *storage->lock;
  return entrant_of(name, lock, std::move(storage));
}

entrant make_shared_library(const std::string& name, unlock_mode mode) {
  static const shared_library library;
  return make_shared_memory<heirlock_c>(name, library, library.nameless(mode, threads));
}

} // namespace

entrant make_entrant(const std::string& name) {
  if (name == "glibc-robust") return make_shared_memory<glibc_robust>(name);
  if (name == "glibc-normal") return make_shared_memory<glibc_normal>(name);
  if (name == "boost-interprocess") return make_shared_memory<boost_interprocess>(name);
  if (name == "ofd-file-lock") return make_in_kernel<ofd_lock>(name);
  if (name == "sysv-sem-undo") return make_in_kernel<sysv_undo>(name);
  if (name == "heirlock") return make_inline(name, unlock_mode::rmw);
  if (name == "heirlock-asymmetric") return make_inline(name, unlock_mode::asymmetric);
  if (name == "heirlock-shared") return make_shared_library(name, unlock_mode::rmw);
  if (name == "heirlock-shared-asymmetric")
    return make_shared_library(name, unlock_mode::asymmetric);
  if (name == "floor") return make_shared_memory<floor_rival>(name);
  if (name == plain_futex::name) return make_shared_memory<plain_futex>(name);
  throw trouble("no rival " + name);
}

} // namespace heirlock::lab::bench
