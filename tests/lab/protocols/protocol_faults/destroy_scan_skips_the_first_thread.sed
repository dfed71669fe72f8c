# SPDX-License-Identifier: Apache-2.0
# The scan does not look at the first thread.
s/unsigned i = 0; i < count;/unsigned i = 1; i < count;/
