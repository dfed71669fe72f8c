# SPDX-License-Identifier: Apache-2.0
# Flags that no kernel knows.
s/RSEQ_RL_CS_FLAGS_KNOWN$/RSEQ_RL_CS_FLAGS_KNOWN + 1/
