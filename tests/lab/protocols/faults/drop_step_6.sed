# SPDX-License-Identifier: Apache-2.0
# The pending operation is never cleared.
/step 6/d
