// SPDX-License-Identifier: Apache-2.0
#pragma once

// From marked_call_<architecture>.S. The labels are addresses of instructions, not functions to call.
extern "C" {

// Traps at heirlock_before_call, calls function(first, second), traps at heirlock_after_call, returns
// what the function returned.
int heirlock_marked_call(const void* function, void* first, const void* second);
extern const char heirlock_before_call[];
extern const char heirlock_first_instruction[];
extern const char heirlock_after_call[];

// Where a thread is sent that is to end alone, by the system call and not through the C library.
extern const char heirlock_thread_end[];

// Traps.
void heirlock_idle_marker(void);
void heirlock_handler_marker(void);
}
