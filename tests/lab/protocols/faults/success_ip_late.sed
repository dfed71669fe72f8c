# SPDX-License-Identifier: Apache-2.0
# post_success_ip alone one instruction too late. Harmless here: the success rule is asked at that one instruction,
# and says yes, for the xor has set ZF and the exchange leaves the flags alone.
/test  *%eax/a\.Lshifted:
/RSEQ_RL_CS_FLAGS_KNOWN/{n;n;s/\.Lpost_cond_store/.Lshifted/}
