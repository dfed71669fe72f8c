// SPDX-License-Identifier: Apache-2.0
// heirlock's mutex as a library of its own, linked with sources in which a fault is planted.
#include <cstring>

#include "lab/subjects/builtin_tables.h"

namespace {

const heirlock_subject* chosen() {
  for (unsigned i = 0; i < heirlock_own_subject_count; ++i)
    if (std::strcmp(heirlock_own_subjects[i].name, FAULTY_SUBJECT) == 0)
      return &heirlock_own_subjects[i];
  return nullptr;
}

} // namespace

// In C++ the functions would hide the structures of the same name.
extern "C" [[gnu::visibility("default")]] const heirlock_subject*
subject_entry() __asm__("heirlock_subject");
extern "C" [[gnu::visibility("default")]] const heirlock_storm_hooks*
hooks_entry() __asm__("heirlock_subject_storm");

const heirlock_subject* subject_entry() {
  return chosen();
}
const heirlock_storm_hooks* hooks_entry() {
  return heirlock_own_storm(chosen());
}
