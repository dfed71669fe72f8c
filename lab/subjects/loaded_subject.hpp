// SPDX-License-Identifier: Apache-2.0
// Finds a subject for a program whose processes are killed: built in, or in a shared library. C library only.
#pragma once

#include "lab/subjects/storm_hooks.h"
#include "lab/subjects/subject.h"

namespace heirlock::lab {

struct loaded_subject {
  const heirlock_subject* subject = nullptr; // nullptr: refused, and `error` says why
  const char* policy = "";                   // the kernel policy that it needs
  int (*prepare)() = nullptr;
  int (*prepare_with_backstop)() = nullptr;
  const heirlock_storm_hooks* storm = nullptr;
  char error[256] = {};
};

// A name without a slash is that of a built-in subject. A library stays loaded.
loaded_subject load_subject(const char* name);

} // namespace heirlock::lab
