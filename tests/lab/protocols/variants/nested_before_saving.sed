# SPDX-License-Identifier: Apache-2.0
# As nested_before; the handler saves the two words that it overwrites, and restores them.
s/heirlock_rseq_rl_unlock/heirlock_rseq_rl_unlock_interrupted/g
/lea  *\.Ldescriptor/i\        mov     %eax, %r10d\n        push    %rdi\n        mov     $39, %eax               /* getpid */\n        syscall\n        mov     %eax, %edi\n        mov     $186, %eax              /* gettid */\n        syscall\n        mov     %eax, %esi\n        mov     $28, %edx               /* SIGWINCH */\n        mov     $234, %eax              /* tgkill */\n        syscall\n        pop     %rdi\n        mov     %r10d, %eax
