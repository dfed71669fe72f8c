// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <system_error>

// For tests that refuse system calls by a seccomp filter. See scripts/seccomp-works for the kernels that cannot.
#define NEEDS_SECCOMP()                                                                            \
  if (std::getenv("HEIRLOCK_NO_SECCOMP") != nullptr)                                               \
  GTEST_SKIP() << "HEIRLOCK_NO_SECCOMP is set: this kernel gives no seccomp filter"

namespace heirlock::test {

// For the calling thread and all that it starts, for good.
inline void refuse_system_call(long number, int error) {
  std::array<sock_filter, 4> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    throw std::system_error(errno, std::generic_category(), "PR_SET_SECCOMP");
}

} // namespace heirlock::test
