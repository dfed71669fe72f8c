# SPDX-License-Identifier: Apache-2.0
# The descriptor stays published. No kill can show it: the instruction pointer is elsewhere.
/step 7/d
