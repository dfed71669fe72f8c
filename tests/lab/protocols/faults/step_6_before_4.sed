# SPDX-License-Identifier: Apache-2.0
# The pending operation is cleared before the release.
/step 6/d
/xor  *%eax/i\        movq    $0, (%r8)
