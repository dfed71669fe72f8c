# SPDX-License-Identifier: Apache-2.0
# The range ends before the clear.
s|\.long   \.Lend|.long   .Lclear|
s|^\( *\)movq .*step 4.*|.Lclear:\n&|
