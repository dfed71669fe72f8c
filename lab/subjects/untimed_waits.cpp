// SPDX-License-Identifier: Apache-2.0
#include "lab/subjects/untimed_waits.hpp"

#include <cstddef>
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace heirlock::lab {
namespace {

constexpr unsigned futex_waitv_call = 449; // on every architecture; older headers do not name it
constexpr unsigned timeout_argument = 3;   // of futex and of futex_waitv
constexpr unsigned operation_argument = 1; // of futex
constexpr unsigned clock_argument = 4;     // of futex_waitv

bool refused = false;

bool has_futex_waitv() {
  // No entries: EINVAL where the call exists.
  return syscall(futex_waitv_call, nullptr, 0, 0, nullptr, 0) < 0 && errno == EINVAL;
}

constexpr sock_filter load(unsigned at) {
  return {BPF_LD | BPF_W | BPF_ABS, 0, 0, at};
}
// The low half comes first: both machines that the library runs on are little-endian.
constexpr sock_filter load_low(unsigned argument) {
  return load(offsetof(seccomp_data, args) + argument * std::size_t{8});
}
constexpr sock_filter load_high(unsigned argument) {
  return load(offsetof(seccomp_data, args) + argument * std::size_t{8} + 4);
}
// Skips so many of the next instructions if it is equal, or if it is not.
constexpr sock_filter compare(unsigned value, unsigned char if_equal, unsigned char if_not) {
  return {BPF_JMP | BPF_JEQ | BPF_K, if_equal, if_not, value};
}
constexpr sock_filter end_with(unsigned what) {
  return {BPF_RET | BPF_K, 0, 0, what};
}

} // namespace

int refuse_timed_waits() {
  if (refused || !has_futex_waitv() || getenv("HEIRLOCK_NO_SECCOMP") != nullptr) return 0;
  // clang-format off
  sock_filter program[] = {
      /*  0 */ load(offsetof(seccomp_data, nr)),
      /*  1 */ compare(futex_waitv_call, 5 /* to 7 */, 0),
      /*  2 */ compare(SYS_futex, 0, 10 /* allow */),
      /*  3 */ load_low(operation_argument),
      /*  4 */ {BPF_ALU | BPF_AND | BPF_K, 0, 0, static_cast<unsigned>(FUTEX_CMD_MASK)},
      /*  5 */ compare(FUTEX_WAIT, 3 /* to 9 */, 0),
      /*  6 */ compare(FUTEX_WAIT_BITSET, 2 /* to 9 */, 6 /* allow */),
      /*  7 */ load_low(clock_argument),
      /*  8 */ compare(CLOCK_REALTIME, 4 /* allow */, 0),
      /*  9 */ load_low(timeout_argument),
      /* 10 */ compare(0, 0, 3 /* refuse */),
      /* 11 */ load_high(timeout_argument),
      /* 12 */ compare(0, 0, 1 /* refuse */),
      /* 13 */ end_with(SECCOMP_RET_ALLOW),
      /* 14 */ end_with(SECCOMP_RET_TRAP),
  };
  // clang-format on
  const sock_fprog filter = {sizeof program / sizeof program[0], program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    return errno;
  refused = true;
  return 0;
}

bool timed_waits_are_refused() {
  return refused;
}

} // namespace heirlock::lab
