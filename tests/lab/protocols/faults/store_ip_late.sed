# SPDX-License-Identifier: Apache-2.0
# post_cond_store_ip alone one instruction too late. Harmless: what it leaves out is covered by post_success_ip.
/test  *%eax/a\.Lshifted:
/RSEQ_RL_CS_FLAGS_KNOWN/{n;s/\.Lpost_cond_store/.Lshifted/}
