# SPDX-License-Identifier: Apache-2.0
# The pending operation is cleared before the exchange.
/\/\/ 6$/d
s|^\( *\)const std::uint32_t old =|\1list.head.pending = nullptr; // 6\n&|
