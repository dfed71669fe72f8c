// SPDX-License-Identifier: Apache-2.0
// The robust list of a thread that also says where the list ends, so that it can be walked from there: for a kernel
// whose walk from the head has met memory that is gone.
//
// The way back needs no more of an entry than removal does: `back` is the address of the link that points to the entry,
// and an entry is the address of its own link. Each store below can be the last one. Until rl_last names a first entry,
// nothing is listed that only the end leads to. Between the removal of the last entry and the store to rl_last the way
// back begins at the removed entry: it is the thread's still, and leads on to the others.
#pragma once

#include "lab/protocols/robust_list/thread_list.hpp"
#include "lab/protocols/rseq_rl_cs/thread_area.hpp"

namespace heirlock::lab::robust {

static_assert(offsetof(list_node, next) == 0, "the address of a link is that of its entry");

struct two_way_list : thread_list {
  static two_way_list& current() noexcept;

  static int enter_thread(std::ptrdiff_t futex_offset) noexcept {
    if (const int error = current().enter(futex_offset); error != 0) return error;
    if (const int error = enter_thread_area(); error != 0) return error;
    set_last(nullptr);
    this_thread_area().rl_back_offset = static_cast<std::int32_t>(offsetof(list_node, back));
    return 0;
  }

  void link(list_node& node) noexcept {
    const bool first = head.first == end();
    thread_list::link(node);
    if (first) set_last(&node);
  }

  void unlink(list_node& node) noexcept {
    const bool last = node.next == end();
    const auto before = node.back;
    thread_list::unlink(node);
    if (last) set_last(before == &head.first ? nullptr : before);
  }

 private:
  // volatile: see thread_list.hpp.
  static void set_last(const volatile void* link) noexcept {
    volatile std::uint64_t& last = this_thread_area().rl_last;
    last = reinterpret_cast<std::uintptr_t>(link);
  }
};

} // namespace heirlock::lab::robust
