// SPDX-License-Identifier: Apache-2.0
// The call by which a thread registers lists beside the one of set_robust_list(2), as the discussion announces it. No
// kernel that this project knows of has it; a supervisor carries it out in the kernel's place (lab/kernel/, policy
// multi-list), and everywhere else it says ENOSYS, so that it can be probed.
//
//   set_robust_list2(head, index, form)   head 0: the list with that index is none of the thread's any more
//
// A thread has list_count of them; none is inherited by a child, and exec ends them all.
#pragma once

#include <cstdint>

namespace heirlock::lab::robust {

// Far above the numbers that kernels have given out.
inline constexpr unsigned long set_robust_list2_number = 1000;

inline constexpr unsigned robust_list_count = 10;

// What the head and the links of a list look like.
enum class list_form : std::uint32_t {
  wide,   // struct robust_list_head: pointers of 64 bits
  narrow, // the same with pointers and offset of 32 bits, zero-extended: a 32-bit program inside a 64-bit process
};

} // namespace heirlock::lab::robust
