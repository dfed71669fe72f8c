# SPDX-License-Identifier: Apache-2.0
# The pending operation is cleared before the exchange.
/(%rdx).*step 4/d
s|^\( *\)lock cmpxchg.*|\1movq    $0, (%rdx)\n&|
