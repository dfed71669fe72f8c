// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// The head that a thread has registered with set_robust_list(2), found with get_robust_list(2); nullopt
// when it has none. Works while the thread is stopped, also in PTRACE_EVENT_EXIT.
std::optional<remote_address> robust_list_head_of(thread_id thread);

// The pending operation (list_op_pending of struct robust_list_head), 0 when none is pending.
remote_address pending_operation_of(thread_id thread);

// The futex word that the kernel will look at when the thread dies with its pending operation; nullopt
// when none is pending.
std::optional<remote_address> pending_word_of(thread_id thread);

} // namespace heirlock::lab
