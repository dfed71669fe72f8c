// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// The head that a thread has registered with set_robust_list(2); nullopt when it has none, `trouble` where get_robust_list(2)
// is refused: unseen is not the same as none. Works while the thread is stopped, also in PTRACE_EVENT_EXIT.
std::optional<remote_address> robust_list_head_of(thread_id thread);

// A robust list of a thread: that one, or one beside it, which only a kernel with several of them would know.
struct registered_list {
  remote_address head;
  bool narrow = false; // struct robust_list_head of a 32-bit program
  bool operator==(const registered_list&) const = default;

  std::size_t head_bytes() const;
};

// The same for a head of 32 bits.
struct narrow_list_head {
  std::uint32_t list;
  std::int32_t futex_offset;
  std::uint32_t list_op_pending;
};

// What a kernel with other rules than the running one's would go by, besides, when the thread dies.
struct exit_state {
  std::vector<registered_list> lists; // beside that of set_robust_list(2)
  std::vector<std::uint64_t>
      standing; // of its registers and private memory, as far as those rules look at them
};

// The pending operation (list_op_pending of struct robust_list_head), 0 when none is pending.
remote_address pending_operation_of(thread_id thread);
remote_address pending_operation_of(thread_id thread, const registered_list& list);

// The futex word that the kernel will look at when the thread dies with its pending operation; nullopt
// when none is pending.
std::optional<remote_address> pending_word_of(thread_id thread);

} // namespace heirlock::lab
