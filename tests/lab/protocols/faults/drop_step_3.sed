# SPDX-License-Identifier: Apache-2.0
# The descriptor is never published.
/step 3/d
