# SPDX-License-Identifier: Apache-2.0
# The range begins before the exchange.
/^\.Lbegin:/d
s|^\( *\)lock cmpxchg.*|.Lbegin:\n&|
