// SPDX-License-Identifier: Apache-2.0
// What the kernel writes into the rseq area that the C library has registered for the calling thread.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <sys/auxv.h>
#include <sys/rseq.h>

namespace heirlock::lab {

// The area as Linux 6.3 has it; the C library's header may be older.
struct rseq_fields {
  std::uint32_t cpu_id_start;
  std::uint32_t cpu_id;
  std::uint64_t rseq_cs;
  std::uint32_t flags;
  std::uint32_t node_id;
  std::uint32_t mm_cid;
};
static_assert(offsetof(rseq_fields, mm_cid) == 24, "the kernel's layout");

template <std::uint32_t rseq_fields::*Field, std::size_t End>
struct rseq_place {
  // ENOSYS: no area is registered, or the kernel does not write the field.
  static int check() noexcept {
#ifndef AT_RSEQ_FEATURE_SIZE // headers older than Linux 6.3
    constexpr unsigned long feature_size = 27;
#else
    constexpr unsigned long feature_size = AT_RSEQ_FEATURE_SIZE;
#endif
    constexpr std::size_t original_fields = offsetof(rseq_fields, node_id);
    const bool written = End <= original_fields || ::getauxval(feature_size) >= End;
    return __rseq_size != 0 && written ? 0 : ENOSYS;
  }
  static unsigned now() noexcept {
    const auto* const area = reinterpret_cast<const volatile rseq_fields*>(
        static_cast<const char*>(__builtin_thread_pointer()) + __rseq_offset);
    return area->*Field;
  }
};

} // namespace heirlock::lab
