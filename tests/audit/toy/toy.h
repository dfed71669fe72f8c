/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every toy lock of tests/audit has in common: it is a subject (lab/subjects/subject.h), and it
 * says in a form that a test can read what the audit has to find in it and at which instructions.
 *
 * A toy in safe/ expects nothing. A toy in broken/ has exactly one planted fault.
 */
#ifndef HEIRLOCK_TOY_H
#define HEIRLOCK_TOY_H

#include "lab/subjects/subject.h"

/* What has to happen after the victim was stopped at a kill point for the fault to show. */
enum toy_need {
  /* The victim is killed there. */
  TOY_NEEDS_KILL = 0,
  /*
   * The survivors act while the victim is stopped, and then the victim goes on and finishes its
   * operation. A store by the victim itself after the release can be seen in no other way: a victim
   * that is killed stores nothing more.
   */
  TOY_NEEDS_RESUME = 1,
  /*
   * The victim is killed, anywhere, while another actor stands in the window, on its way through an operation of its
   * own. Without the positions of a second actor the audit finds nothing of it.
   */
  TOY_NEEDS_SECOND = 2,
};

/*
 * One thing that the audit must find. Every violation with this verdict in this operation and scenario
 * has its kill point (TOY_NEEDS_SECOND: the second actor's position) in the window: where_begin <= pc < where_end.
 *
 * A kill point is the address of an instruction that has not been executed. So the window that A opens
 * and B closes begins behind A and ends behind B: killed "at B", B has not happened yet.
 *
 * The caller's own instructions lie outside the toy's code: one before the call is in the window when
 * where_begin is NULL, one after the return when where_end is NULL.
 *
 *  where_begin NULL: from before the operation on
 *  where_end   NULL: until the operation has returned, and after it
 *  both        NULL: it shows wherever the victim dies
 */
struct toy_expectation {
  const char* op; /* lock, trylock, unlock, lock-contended, trylock-contended, unlock-contended */
  const char* scenario; /* as the audit names it */
  const char* verdict;  /* as the audit names it */
  const void* where_begin;
  const void* where_end;
  enum toy_need needs;
};

#define TOY_EXPORT __attribute__((visibility("default")))

#ifndef __cplusplus
/* The last entry has op == NULL. */
TOY_EXPORT extern const struct toy_expectation heirlock_toy_expectations[];
TOY_EXPORT const struct heirlock_subject* heirlock_subject(void);
#endif

/*
 * The bounds of a window. Each name may be used once: were the compiler to copy the code, the assembler
 * would refuse the second label, so that a window is never silently in two places.
 *
 * The labels must follow at once on the instruction that opens or closes the window. The build sees to
 * that (no instruction scheduling, see CMakeLists.txt), and so does the shape of the code: what is tested
 * after an exchange is its old value in a register, never its flags, which the label may not carry.
 */
#define TOY_FAULT_WINDOW(name)                                                                     \
  extern const char toy_fault_begin_##name[] __attribute__((visibility("hidden")));                \
  extern const char toy_fault_end_##name[] __attribute__((visibility("hidden")))
#define TOY_LABEL(label) __asm__ volatile(".globl " label "\n" label ":" ::: "memory")
#define TOY_FAULT_BEGIN(name) TOY_LABEL("toy_fault_begin_" #name)
#define TOY_FAULT_END(name) TOY_LABEL("toy_fault_end_" #name)

/* An operation: one copy, at one address, which nothing is merged into or cut out of. */
#define TOY_OP static __attribute__((noinline, unused))
/* A step of an operation: always part of the operation's own code. */
#define TOY_STEP static inline __attribute__((always_inline, unused))

#endif
