// SPDX-License-Identifier: Apache-2.0
// The exit walk: what the kernel does with the robust list of a thread that dies.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "lab/kernel/cpu_state.hpp"
#include "lab/kernel/task_memory.hpp"
#include "lab/process/ids.hpp"
#include "lab/process/robust_list.hpp"

namespace heirlock::lab::kernel {

using registered_lists = std::map<std::uint64_t, registered_list>; // by the index

// A thread that is dying or about to get a signal: all that the policies may look at.
struct task {
  task_memory& memory;
  std::uint32_t tid = 0; // as its own PID namespace numbers it
  cpu_state cpu;
  std::optional<remote_address> list_head; // registered with set_robust_list
  std::optional<remote_address> rseq_area; // registered with rseq
  std::uint32_t rseq_area_size = 0;
  registered_lists more_lists = {}; // where the policy has a system call that registers such
};

// When the pending operation's lock is not the thread's, somebody may nevertheless depend on a wake that the
// thread owes or has consumed.
enum class wake_rule {
  ownerless,         // wake when the word has no owner (kernels before the next one)
  ownerless_or_bare, // ... or has an owner and FUTEX_WAITERS clear (mainline 6d4514ca9cdf, 6.12.105)
};

enum class pending_treatment {
  normal,   // a lock that the thread may own: look at its word
  as_empty, // as if there were no pending operation
  wake_only, // the lock has been given away: its word is foreign memory, but a wake may still be owed
};

// After how many entries a list counts as one without an end.
struct entry_limit {
  std::uint64_t of_others_in_a_row; // entries whose word does not name the dead thread
  std::uint64_t in_all;             // from the head and from the other end together
};

// The kernel's: for no list, however it is linked and whoever links it.
inline constexpr unsigned list_limit = 2048;
inline constexpr entry_limit stock_limit = {list_limit, list_limit};

// For lists that may be long. All locks of an honest list name the dead thread, but for the one of its pending
// operation; so entries that do not are few in a row, or the list leads astray. An entry that does is marked, so on links
// that nobody changes the walk sees each once: a circle ends 2,048 entries after its first lap, and no visited
// address has to be remembered. Only somebody who shares the memory and stores the dead thread's TID again behind the
// walk can lead it on; against him stands `in_all`, a number of which no word of user memory can make more.
inline constexpr std::uint64_t long_list_entries = 1'048'576;
inline constexpr entry_limit long_list_limit = {list_limit, long_list_entries};

// The end of a list that is linked in both directions, for a kernel that goes on from there when memory on the way has
// gone away.
struct other_end {
  std::uint64_t last = 0;       // pointer to the last entry, as `next` would hold it; 0: none
  std::int64_t back_offset = 0; // from an entry's node to the pointer to the entry before it
};

struct walk_rules {
  wake_rule wake = wake_rule::ownerless_or_bare;
  pending_treatment pending = pending_treatment::normal;
  bool pending_first = false; // before the list; the kernel does it last
  entry_limit limit = stock_limit;
  bool pending_survives_faults = false; // of the list; the kernel leaves it out then
  // For a word that names the dead: the owner that it gets in place of FUTEX_OWNER_DIED, and then nobody is woken;
  // nullopt for a robust lock.
  std::optional<std::uint32_t> (*given_to)(task_memory&, remote_address word) = nullptr;
  std::optional<other_end> from_the_end = std::nullopt; // where a fault has cut the list
};

void walk_robust_list(task& dying, const walk_rules& rules);
void walk_list(task& dying, const registered_list& list, const walk_rules& rules);

// Leaves the kernel nothing to do. False when the head cannot be written: where the kernel can read it, it would do
// the walk itself.
bool empty_robust_list(task& dying);

// The pending operation; nullopt when there is none, or the head is not readable.
struct pending_operation {
  remote_address slot;      // where the thread stores it
  std::uint64_t stored = 0; // what is there
  remote_address word;      // the futex word of the lock
  bool priority_inheritance = false;
};
std::optional<pending_operation> pending_operation_of(task& of);

} // namespace heirlock::lab::kernel
