# SPDX-License-Identifier: Apache-2.0
# post_cond_store_ip alone before the exchange. ZF is set there, so the success rule says yes.
/xchg/i\.Lshifted:
/RSEQ_RL_CS_FLAGS_KNOWN/{n;s/\.Lpost_cond_store/.Lshifted/}
