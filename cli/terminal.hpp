// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace heirlock::cli {

// Of the terminal behind the descriptor; 80 where there is none.
std::size_t columns_of(int descriptor);

} // namespace heirlock::cli
