// SPDX-License-Identifier: Apache-2.0
#include "lab/protocols/rseq_rl_cs/thread_area.hpp"

#include <cerrno>
#include <initializer_list>
#include <sys/auxv.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace heirlock::lab {
namespace {

// In the thread's own block (initial-exec): the kernel writes to a registered area until the thread is gone, so
// it must not be in memory that thread exit frees. Aligned to its size, which satisfies every kernel that asks
// for more than 32 bytes of alignment for a longer area.
alignas(sizeof(rseq_area)) thread_local rseq_area own_area;
thread_local rseq_area* area;

// The structure's original size, the length that glibc before 2.41 registers.
constexpr unsigned original_size = 32;

#ifndef AT_RSEQ_FEATURE_SIZE // headers older than Linux 6.3
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN 28
#endif

int call_rseq(void* address, unsigned length, int flags) noexcept {
  return ::syscall(SYS_rseq, address, length, flags, RSEQ_SIG) == 0 ? 0 : errno;
}

rseq_area* libc_area() noexcept {
  return reinterpret_cast<rseq_area*>(static_cast<char*>(__builtin_thread_pointer()) +
                                      __rseq_offset);
}

// The kernel wants the registered length back, which no libc publishes: try those that are in use. A wrong one
// is refused and changes nothing.
bool take_back_registration_of_libc() noexcept {
  const auto feature_size = static_cast<unsigned>(::getauxval(AT_RSEQ_FEATURE_SIZE));
  const auto alignment = static_cast<unsigned>(::getauxval(AT_RSEQ_ALIGN));
  const unsigned rounded =
      alignment == 0 ? feature_size : (feature_size + alignment - 1) / alignment * alignment;
  for (const unsigned length : {original_size, rounded, feature_size}) {
    if (call_rseq(libc_area(), length, RSEQ_FLAG_UNREGISTER) == 0) return true;
  }
  return false;
}

} // namespace

rseq_area& this_thread_area() noexcept {
  return *area;
}

int enter_thread_area() noexcept {
  const bool libc_has_the_fields = __rseq_size >= RSEQ_AREA_SIZE_WITH_RL_LAST;
  area = libc_has_the_fields ? libc_area() : &own_area;
  area->rseq_rl_cs = 0;
  if (libc_has_the_fields) return 0;
  int error = call_rseq(area, sizeof(*area), 0);
  if (error == EINVAL) { // another area is registered for this thread
    if (!take_back_registration_of_libc()) return EBUSY;
    error = call_rseq(area, sizeof(*area), 0);
  }
  // EBUSY: this very area is registered already, as in a forked child or a thread that enters twice.
  return error == EBUSY ? 0 : error;
}

} // namespace heirlock::lab
