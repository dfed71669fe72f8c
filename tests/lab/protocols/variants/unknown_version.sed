# SPDX-License-Identifier: Apache-2.0
# A version that no kernel knows.
s/RSEQ_RL_CS_VERSION,/RSEQ_RL_CS_VERSION + 1,/
