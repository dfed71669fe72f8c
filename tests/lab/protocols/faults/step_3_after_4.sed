# SPDX-License-Identifier: Apache-2.0
# The descriptor is published after the release.
/step 3/d
/^\.Lpost_cond_store:/a\        lea     .Ldescriptor(%rip), %rcx\n        mov     %rcx, (%r9)
