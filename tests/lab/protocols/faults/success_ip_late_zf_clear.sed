# SPDX-License-Identifier: Apache-2.0
# As success_ip_late, in a form whose zero is made without the flags: ZF is clear where the success rule is asked.
/xor  *%eax, %eax/c\        or      $1, %ecx\n        mov     $0, %eax
/test  *%eax/a\.Lshifted:
/RSEQ_RL_CS_FLAGS_KNOWN/{n;n;s/\.Lpost_cond_store/.Lshifted/}
