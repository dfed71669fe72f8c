// SPDX-License-Identifier: Apache-2.0
// Whether a thread stands in a robust list unlock transaction (the rseq_rl_cs proposal), as a kernel finds out.
#pragma once

#include "lab/kernel/exit_walk.hpp"

namespace heirlock::lab::kernel {

enum class transaction_state {
  none,       // no area, an area without the field, or no descriptor in it
  unreadable, // the descriptor cannot be read
  refused,    // a version or flags that this kernel does not know
  outside,    // the descriptor is good, the instruction pointer is not in its range
  inside,     // the lock has been given away, the pending operation may still name it
};

transaction_state find_transaction(task& of);

// What the thread says of the end of its robust list, in the fields that docs/rseq_rl_cs.md adds to its rseq area; nullopt
// when the area has no such fields, cannot be read, or says nothing.
std::optional<other_end> end_of_list(task& of);

} // namespace heirlock::lab::kernel
