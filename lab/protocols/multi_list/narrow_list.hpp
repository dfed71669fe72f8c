// SPDX-License-Identifier: Apache-2.0
// A robust list with pointers of 32 bits in a process of 64: what a thread of a 32-bit program has when an emulator
// runs it as a thread of its own. Links, head and pending operation are 32-bit addresses, and the locks lie where
// such addresses reach.
#pragma once

#include <cstddef>
#include <cstdint>
#include <sys/types.h>

namespace heirlock::lab::robust {

// The address by which a 32-bit program reaches the object; see map_low_memory().
std::uint32_t low_address_of(const volatile void* object) noexcept;

struct narrow_node {
  volatile std::uint32_t next; // a low address; the kernel follows it
  volatile std::
      uint32_t* volatile back; // what points here: the last node's next, or the head's first
};

struct narrow_pending {
  volatile std::uint32_t node;
  narrow_pending& operator=(narrow_node* to) noexcept {
    node = to == nullptr ? 0 : low_address_of(to);
    return *this;
  }
};

struct narrow_head {
  volatile std::uint32_t first;
  std::int32_t futex_offset;
  narrow_pending pending;
};
static_assert(sizeof(narrow_head) == 12 && offsetof(narrow_head, futex_offset) == 4 &&
                  offsetof(narrow_head, pending) == 8,
              "the kernel's structure for 32-bit programs");

struct narrow_list {
  using node_type = narrow_node;

  narrow_head& head;
  pid_t tid;

  static narrow_list& current() noexcept;

  // Registers an empty list for the calling thread; 0 or an errno value.
  static int enter_thread(std::ptrdiff_t futex_offset) noexcept;

  void link(narrow_node& added) noexcept {
    const std::uint32_t second = head.first;
    added.next = second;
    added.back = &head.first;
    if (second != end()) at(second).back = &added.next;
    head.first = low_address_of(&added); // publishes
  }

  void unlink(narrow_node& taken) noexcept {
    const std::uint32_t after = taken.next;
    *taken.back = after;
    if (after != end()) at(after).back = taken.back;
  }

 private:
  std::uint32_t end() const noexcept { return low_address_of(&head); }
  // Low addresses are addresses of this process too.
  static narrow_node& at(std::uint32_t low) noexcept {
    return *reinterpret_cast<narrow_node*>(std::uintptr_t{low});
  }
};

// Maps the lab's memory once more, where 32-bit addresses reach, and a page for heads there: once, in the process from
// which the others are forked. 0 or an errno value.
int map_low_memory() noexcept;

// The mapping calls of the emulator: what it does to the lab's memory it does where the 32-bit program sees it, too.
int narrow_munmap(void* address, std::size_t length) noexcept;
void* narrow_mmap(void* address, std::size_t length, int protection, int flags, int descriptor,
                  off_t offset) noexcept;

} // namespace heirlock::lab::robust
