// SPDX-License-Identifier: Apache-2.0
#include "lab/protocols/futex_robust_unlock/robust_unlock_release.hpp"

#include <dlfcn.h>
#include <linux/futex.h>

#include "lab/protocols/futex_robust_unlock/abi.h"
#include "lab/protocols/robust_list/classic_release.hpp"

namespace heirlock::lab::robust {
namespace {

using try_unlock_function = decltype(&heirlock_robust_try_unlock);
try_unlock_function try_unlock; // nullptr: the kernel has no robust unlock

// A kernel that does not know the flag answers ENOSYS and leaves the word alone.
bool is_known_to_the_kernel() noexcept {
  std::uint32_t word = 0;
  std::uint64_t pending = 0;
  return ::syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_ROBUST_UNLOCK, 0, nullptr, &pending, 0) >=
         0;
}

// The kernel's own routine; a supervisor that plays the kernel knows ours.
try_unlock_function routine() noexcept {
  void* const vdso = ::dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
  void* const found =
      vdso != nullptr ? ::dlsym(vdso, "__vdso_futex_robust_list64_try_unlock") : nullptr;
  return found != nullptr ? reinterpret_cast<try_unlock_function>(found)
                          : heirlock_robust_try_unlock;
}

} // namespace

int robust_unlock_release::thread_enter() noexcept {
  if (try_unlock == nullptr && is_known_to_the_kernel()) try_unlock = routine();
  return 0;
}

void robust_unlock_release::release(std::uint32_t& word, thread_list& list) noexcept {
  if (try_unlock == nullptr) {
    classic_release::release(word, list);
    return;
  }
  auto* const pending =
      reinterpret_cast<std::uint64_t*>(const_cast<list_node**>(&list.head.pending));
  const auto tid = static_cast<std::uint32_t>(list.tid);
  if (try_unlock(&word, tid, pending) == tid) return;                                    // 3, 4
  ::syscall(SYS_futex, &word, FUTEX_WAKE | FUTEX_ROBUST_UNLOCK, 1, nullptr, pending, 0); // 5
}

} // namespace heirlock::lab::robust
