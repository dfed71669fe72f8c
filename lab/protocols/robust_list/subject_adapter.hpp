// SPDX-License-Identifier: Apache-2.0
// Presents a robust_mutex to the instrument.
#pragma once

#include <type_traits>

#include "lab/subjects/subject.h"

// The exported function has the name of its structure, which is plain C; in C++ the function would hide the
// structure, so it is defined under another name and only the linker sees the real one.
extern "C" [[gnu::visibility("default")]] const heirlock_subject*
heirlock_subject_entry() __asm__("heirlock_subject");

namespace heirlock::lab::robust {

template <class Mutex>
constexpr heirlock_subject make_subject(const char* name, const char* summary) noexcept {
  static_assert(std::is_standard_layout_v<Mutex> && sizeof(Mutex) <= HEIRLOCK_SUBJECT_MAX_SIZE);
  heirlock_subject subject{};
  subject.abi = HEIRLOCK_SUBJECT_ABI;
  subject.size = sizeof(Mutex);
  subject.name = name;
  subject.summary = summary;
  subject.thread_enter = [] { return Mutex::thread_enter(); };
  subject.init = [](void* lock) {
    static_cast<Mutex*>(lock)->init();
    return 0;
  };
  subject.lock = [](void* lock) { return static_cast<Mutex*>(lock)->lock(); };
  subject.trylock = [](void* lock) { return static_cast<Mutex*>(lock)->trylock(); };
  subject.timedlock = [](void* lock, const timespec* deadline) {
    return static_cast<Mutex*>(lock)->timedlock(*deadline);
  };
  subject.unlock = [](void* lock) { return static_cast<Mutex*>(lock)->unlock(); };
  subject.consistent = [](void* lock) { return static_cast<Mutex*>(lock)->consistent(); };
  subject.destroy = [](void* lock) { return static_cast<Mutex*>(lock)->destroy(); };
  subject.owner = [](const void* lock) { return static_cast<const Mutex*>(lock)->owner(); };
  return subject;
}

} // namespace heirlock::lab::robust
