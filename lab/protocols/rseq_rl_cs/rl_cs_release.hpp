// SPDX-License-Identifier: Apache-2.0
// The release of a robust_mutex as the unlock transaction: steps 3 to 7 of transaction.h.
#pragma once

#include <cstdint>

#include "lab/protocols/robust_list/thread_list.hpp"
#include "lab/protocols/rseq_rl_cs/thread_area.hpp"
#include "lab/protocols/rseq_rl_cs/transaction.h"

namespace heirlock::lab::robust {

struct rl_cs_release {
  static int thread_enter() noexcept { return enter_thread_area(); }

  static void release(std::uint32_t& word, thread_list& list) noexcept {
    heirlock_rseq_rl_unlock(&word, const_cast<list_node**>(&list.head.pending),
                            &this_thread_area().rseq_rl_cs);
  }
};

} // namespace heirlock::lab::robust
