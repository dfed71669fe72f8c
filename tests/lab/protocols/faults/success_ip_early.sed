# SPDX-License-Identifier: Apache-2.0
# post_success_ip alone before the exchange.
/xchg/i\.Lshifted:
/RSEQ_RL_CS_FLAGS_KNOWN/{n;n;s/\.Lpost_cond_store/.Lshifted/}
