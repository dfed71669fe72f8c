// SPDX-License-Identifier: Apache-2.0
#include "lab/protocols/multi_list/narrow_list.hpp"

#include <atomic>
#include <cerrno>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lab/actor/arena.hpp"
#include "lab/protocols/multi_list/set_robust_list2.hpp"

namespace heirlock::lab::robust {
namespace {

constexpr std::uintptr_t low_heads = 0x1000'0000;
constexpr std::uintptr_t low_arena = 0x2000'0000;
// Another than that of a 64-bit list that the thread may have beside it.
constexpr unsigned list_index = 1;

constexpr unsigned head_room = 4096 / sizeof(narrow_head);
static_assert(low_arena + arena::size <= std::uintptr_t{1} << 32, "32-bit addresses reach it");

bool mapped = false;
std::atomic<unsigned> heads_used; // by threads of this process and those it was forked from
narrow_head
    unreachable[head_room / 8]; // where nothing was mapped: a list that no kernel is told of

narrow_head& next_head() noexcept {
  const unsigned index = heads_used.fetch_add(1, std::memory_order_relaxed);
  if (!mapped) return unreachable[index % (sizeof unreachable / sizeof unreachable[0])];
  return reinterpret_cast<narrow_head*>(low_heads)[index % head_room];
}

thread_local narrow_head* own_head = nullptr;

} // namespace

std::uint32_t low_address_of(const volatile void* object) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(object);
  if (address >= arena::base && address < arena::base + arena::size)
    return static_cast<std::uint32_t>(address - arena::base + low_arena);
  return static_cast<std::uint32_t>(address);
}

int map_low_memory() noexcept {
  if (mapped) return 0;
  void* const heads = ::mmap(reinterpret_cast<void*>(low_heads), 4096, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (heads != reinterpret_cast<void*>(low_heads)) return errno;
  // An old size of 0 leaves the shared mapping where it is and makes another one of the same pages.
  void* const twin = ::mremap(reinterpret_cast<void*>(arena::base), 0, arena::size,
                              MREMAP_MAYMOVE | MREMAP_FIXED, reinterpret_cast<void*>(low_arena));
  if (twin != reinterpret_cast<void*>(low_arena)) return errno;
  mapped = true;
  return 0;
}

namespace {

// nullptr: the 32-bit program sees nothing of it.
void* low_image_of(void* address) noexcept {
  const std::uintptr_t low = low_address_of(address);
  const bool has_one = mapped && low >= low_arena && low < low_arena + arena::size &&
                       low != reinterpret_cast<std::uintptr_t>(address);
  return has_one ? reinterpret_cast<void*>(low) : nullptr;
}

} // namespace

int narrow_munmap(void* address, std::size_t length) noexcept {
  void* const low = low_image_of(address);
  if (low != nullptr && ::munmap(low, length) != 0) return -1;
  return ::munmap(address, length);
}

void* narrow_mmap(void* address, std::size_t length, int protection, int flags, int descriptor,
                  off_t offset) noexcept {
  void* const low = (flags & MAP_FIXED) != 0 ? low_image_of(address) : nullptr;
  if (low != nullptr && ::mmap(low, length, protection, flags, descriptor, offset) != low)
    return MAP_FAILED;
  return ::mmap(address, length, protection, flags, descriptor, offset);
}

narrow_list& narrow_list::current() noexcept {
  if (own_head == nullptr) own_head = &next_head();
  static thread_local narrow_list list = {*own_head, 0};
  return list;
}

int narrow_list::enter_thread(std::ptrdiff_t futex_offset) noexcept {
  narrow_list& list = current();
  list.head.first = list.end();
  list.head.futex_offset = static_cast<std::int32_t>(futex_offset);
  list.head.pending = nullptr;
  list.tid = static_cast<pid_t>(::syscall(SYS_gettid));
  if (!mapped) return 0;
  if (::syscall(set_robust_list2_number, &list.head, list_index, list_form::narrow) == 0) return 0;
  // Without the call there is nobody who could walk such a list.
  return errno == ENOSYS ? 0 : errno;
}

} // namespace heirlock::lab::robust
