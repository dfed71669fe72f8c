# SPDX-License-Identifier: Apache-2.0
# The descriptor stays published: later operations on other locks find it there.
/step 7/d
