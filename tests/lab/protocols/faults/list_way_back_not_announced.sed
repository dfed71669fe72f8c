# SPDX-License-Identifier: Apache-2.0
# rl_back_offset stays 0: the kernel does not know where the way back is.
/rl_back_offset = /d
