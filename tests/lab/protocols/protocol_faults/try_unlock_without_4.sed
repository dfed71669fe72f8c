# SPDX-License-Identifier: Apache-2.0
# The pending operation is never cleared.
/(%rdx).*step 4/d
