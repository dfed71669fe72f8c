// SPDX-License-Identifier: Apache-2.0
// The robust list of the calling thread: the list of the locks that it holds, and the pending operation, as the
// kernel reads them when the thread dies.
//
// Every store here can be the thread's last one, and the kernel then reads what is there. Only the order of the
// stores of this one thread matters (the kernel runs its exit walk on the same processor context), so the
// compiler must keep it, hence volatile; no processor fence is needed.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace heirlock::lab::robust {

// A link that lives inside the lock. The kernel follows `next` only.
struct list_node {
  list_node* volatile next;
  // The pointer that points here, so that removal needs no walk and no special case at the head.
  list_node* volatile* volatile back;
};

struct list_head {
  list_node* volatile first; // the head itself, seen as a node, when the list is empty
  std::ptrdiff_t futex_offset;
  list_node* volatile pending;
};

static_assert(sizeof(list_head) == sizeof(robust_list_head), "the kernel's structure");
static_assert(offsetof(list_head, first) == offsetof(robust_list_head, list),
              "the kernel's structure");
static_assert(offsetof(list_head, futex_offset) == offsetof(robust_list_head, futex_offset),
              "the kernel's structure");
static_assert(offsetof(list_head, pending) == offsetof(robust_list_head, list_op_pending),
              "the kernel's structure");
static_assert(offsetof(list_node, next) == offsetof(::robust_list, next), "the kernel's structure");

struct thread_list {
  using node_type = list_node;

  static thread_list& current() noexcept;
  static int enter_thread(std::ptrdiff_t futex_offset) noexcept;

  list_head head;
  pid_t tid;

  // Registers an empty list for the calling thread; 0 or an errno value. In a forked child this drops the
  // parent's list, which the child has inherited as plain memory and which is none of its own.
  int enter(std::ptrdiff_t futex_offset) noexcept {
    head.first = end();
    head.futex_offset = futex_offset;
    head.pending = nullptr;
    tid = static_cast<pid_t>(::syscall(SYS_gettid));
    return ::syscall(SYS_set_robust_list, &head, sizeof(head)) == 0 ? 0 : errno;
  }

  void link(list_node& node) noexcept {
    list_node* const second = head.first;
    node.next = second;
    node.back = &head.first;
    if (second != end()) second->back = &node.next;
    head.first = &node; // publishes: the kernel finds the node from here on, and its next is valid
  }

  void unlink(list_node& node) noexcept {
    list_node* const after = node.next;
    *node.back = after; // the kernel does not find the node from here on
    if (after != end()) after->back = node.back;
  }

 protected:
  list_node* end() noexcept { return reinterpret_cast<list_node*>(&head); }
};

// Where the lists of a process's threads are kept is its protocol's choice, in the source file that it is linked with:
// thread_list.cpp, or destroy_scan/subject.cpp, where other threads find them too, or multi_list/thread_list.cpp.

// Gives the calling thread a list and registers it; 0 or an errno value.
int enter_thread_list(std::ptrdiff_t futex_offset) noexcept;
// The calling thread's list, after that.
thread_list& this_thread_list() noexcept;
inline thread_list& thread_list::current() noexcept {
  return this_thread_list();
}
inline int thread_list::enter_thread(std::ptrdiff_t futex_offset) noexcept {
  return enter_thread_list(futex_offset);
}

} // namespace heirlock::lab::robust
