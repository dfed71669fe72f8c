// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lab/subjects/subject.h"

// The function that a subject exports has the name of its structure. That is plain C, but in C++ the function
// would hide the structure, so it is defined under another name and only the linker sees the real one.
extern "C" [[gnu::visibility("default")]] const heirlock_subject*
heirlock_subject_entry() __asm__("heirlock_subject");

// Defined by a subject whose protocol needs a changed kernel.
extern "C" [[gnu::visibility("default")]] const char* heirlock_subject_policy();
