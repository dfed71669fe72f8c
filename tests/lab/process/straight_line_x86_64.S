// SPDX-License-Identifier: Apache-2.0
// Instructions of one byte each: where a tracee stands after so many steps is known beforehand.
        .text
        .globl  straight_line
        .type   straight_line, @function
straight_line:
        nop
        nop
        nop
        nop
        ret
        .size   straight_line, . - straight_line

        .section .note.GNU-stack, "", @progbits
