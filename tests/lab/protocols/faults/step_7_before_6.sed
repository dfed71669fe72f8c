# SPDX-License-Identifier: Apache-2.0
# The descriptor is withdrawn while the pending operation is still set.
/step 7/d
/^\.Lclear:/a\        movq    $0, (%r9)
