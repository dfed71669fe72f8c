// SPDX-License-Identifier: Apache-2.0
// What the variants have in common: their locks, and a lock of the thread's own that it has used before.
#pragma once

#include "lab/protocols/robust_list/robust_mutex.hpp"
#include "lab/protocols/rseq_rl_cs/rl_cs_release.hpp"

namespace heirlock::lab::variants {

using robust::robust_mutex;
using robust::this_thread_list;

using sound_mutex = robust_mutex<robust::rl_cs_release>;

// Another lock than the one under audit. In memory of the thread: nobody else wants it.
inline thread_local sound_mutex another;

inline int enter_and_use_another() noexcept {
  if (const int error = sound_mutex::thread_enter(); error != 0) return error;
  another.init();
  if (const int error = another.lock(); error != 0) return error;
  return another.unlock();
}

} // namespace heirlock::lab::variants
