// SPDX-License-Identifier: Apache-2.0
// The guard of the subjects whose hazard pointers belong to a place: 0 and 7 take and give back a slot, D2 scans them.
#pragma once

#include "lab/protocols/guarded/guarded_mutex.hpp"
#include "lab/protocols/hazard_pointer/hazard_lines.hpp"

namespace heirlock::lab {

// Place: check() says by an errno value whether the kernel tells it, now() is it; a stale answer is legal.
template <class Place>
struct place_hazard {
  static int thread_enter() noexcept {
    lines.begin(processors);
    return Place::check();
  }
  void init() noexcept {}
  static auto* enter(const void* node) noexcept { return lines.enter(node, Place::now()); } // 0
  static void leave(std::atomic<const void*>* slot) noexcept { lines.leave(slot); }         // 7
  static void wait(const void* node) noexcept { lines.wait(node); }                         // D2

  // Asked once: libc reads a file for it, which would be part of what a thread costs.
  static inline const auto processors = static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_CONF));
  static inline hazard_lines<> lines;
};

} // namespace heirlock::lab
