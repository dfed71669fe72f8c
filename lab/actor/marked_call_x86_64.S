// SPDX-License-Identifier: Apache-2.0
// Traps that tell the tracer where an actor is; see marked_call.hpp.
        .text

        .globl  heirlock_marked_call
        .type   heirlock_marked_call, @function
heirlock_marked_call:
        .cfi_startproc
        endbr64
        pushq   %rbx                    // also aligns the stack for the call
        .cfi_adjust_cfa_offset 8
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        .globl  heirlock_before_call
heirlock_before_call:
        int3
        .globl  heirlock_first_instruction
heirlock_first_instruction:
        call    *%rax
        .globl  heirlock_after_call
heirlock_after_call:
        int3
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   heirlock_marked_call, . - heirlock_marked_call

        .globl  heirlock_idle_marker
        .type   heirlock_idle_marker, @function
heirlock_idle_marker:
        int3
        ret
        .size   heirlock_idle_marker, . - heirlock_idle_marker

        .globl  heirlock_handler_marker
        .type   heirlock_handler_marker, @function
heirlock_handler_marker:
        int3
        ret
        .size   heirlock_handler_marker, . - heirlock_handler_marker

        // Not called: a thread is sent here, from anywhere, to end alone.
        .globl  heirlock_thread_end
        .type   heirlock_thread_end, @function
heirlock_thread_end:
        movl    $60, %eax               // exit
        xorl    %edi, %edi
        syscall
        .size   heirlock_thread_end, . - heirlock_thread_end

        .section .note.GNU-stack, "", @progbits
