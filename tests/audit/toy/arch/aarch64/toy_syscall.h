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
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a1;
  register long x1 __asm__("x1") = a2;
  register long x2 __asm__("x2") = a3;
  register long x3 __asm__("x3") = a4;
  register long x4 __asm__("x4") = a5;
  register long x5 __asm__("x5") = a6;
  __asm__ volatile("svc #0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
}

#endif
