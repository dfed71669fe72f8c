// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <gtest/gtest.h>

// For tests that refuse system calls by a seccomp filter. See scripts/seccomp-works for the kernels that cannot.
#define NEEDS_SECCOMP()                                                                            \
  if (std::getenv("HEIRLOCK_NO_SECCOMP") != nullptr)                                               \
  GTEST_SKIP() << "HEIRLOCK_NO_SECCOMP is set: this kernel gives no seccomp filter"
