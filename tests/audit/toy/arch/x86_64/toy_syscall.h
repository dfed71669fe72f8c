/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system call as part of the operation's own code: behind a call into libc, the kill points of a
 * system call would lie outside the window that the toy declares. The build picks the architecture.
 */
#ifndef HEIRLOCK_TOY_SYSCALL_H
#define HEIRLOCK_TOY_SYSCALL_H

/* Returns what the kernel returns: a result, or a negated errno value. */
static inline __attribute__((always_inline, unused)) long
toy_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6) {
  register long r10 __asm__("r10") = a4;
  register long r8 __asm__("r8") = a5;
  register long r9 __asm__("r9") = a6;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "0"(number), "D"(a1), "S"(a2), "d"(a3), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

#endif
