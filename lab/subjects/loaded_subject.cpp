// SPDX-License-Identifier: Apache-2.0
#include "lab/subjects/loaded_subject.hpp"

#include <dlfcn.h>
#include <stdio.h>

#include "lab/subjects/builtin.h"

namespace heirlock::lab {
namespace {

const char* why_refused(bool has_entry, const heirlock_subject* found) {
  if (!has_entry) return "it exports no function heirlock_subject(); see lab/subjects/subject.h";
  if (found == nullptr) return "its heirlock_subject() returned NULL";
  if (found->abi != HEIRLOCK_SUBJECT_ABI)
    return "it was built for another version of lab/subjects/subject.h; build it again";
  if (found->size == 0 || found->size > HEIRLOCK_SUBJECT_MAX_SIZE || found->size % 8 != 0)
    return "its lock size is not a multiple of 8 from 8 to HEIRLOCK_SUBJECT_MAX_SIZE";
  if (found->name == nullptr || found->init == nullptr || found->lock == nullptr ||
      found->trylock == nullptr || found->unlock == nullptr)
    return "one of name, init, lock, trylock, unlock is NULL";
  return nullptr;
}

template <class Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

} // namespace

loaded_subject load_subject(const char* name) {
  loaded_subject loaded;
  if (const heirlock_subject* builtin = heirlock_builtin_subject(name)) {
    loaded.subject = builtin;
    loaded.prepare = heirlock_builtin_prepare(builtin, 0);
    loaded.prepare_with_backstop = heirlock_builtin_prepare(builtin, 1);
    loaded.storm = heirlock_builtin_storm(builtin);
    return loaded;
  }
  void* const library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    snprintf(loaded.error, sizeof loaded.error, "cannot load it: %s", dlerror());
    return loaded;
  }
  const auto entry = symbol<const heirlock_subject* (*)()>(library, "heirlock_subject");
  const heirlock_subject* const found = entry != nullptr ? entry() : nullptr;
  if (const char* const refusal = why_refused(entry != nullptr, found)) {
    snprintf(loaded.error, sizeof loaded.error, "%s", refusal);
    return loaded;
  }
  if (const auto policy = symbol<const char* (*)()>(library, "heirlock_subject_policy"))
    loaded.policy = policy();
  loaded.prepare = symbol<int (*)()>(library, "heirlock_subject_prepare");
  loaded.prepare_with_backstop =
      symbol<int (*)()>(library, "heirlock_subject_prepare_with_backstop");
  if (const auto hooks =
          symbol<const heirlock_storm_hooks* (*)()>(library, "heirlock_subject_storm")) {
    loaded.storm = hooks();
    if (loaded.storm == nullptr || loaded.storm->abi != HEIRLOCK_STORM_ABI) {
      snprintf(loaded.error, sizeof loaded.error,
               "its heirlock_subject_storm() is of another version of lab/subjects/storm_hooks.h; "
               "build it again");
      return loaded;
    }
  }
  loaded.subject = found;
  return loaded;
}

} // namespace heirlock::lab
