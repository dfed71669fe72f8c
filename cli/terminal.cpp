// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <sys/ioctl.h>

namespace heirlock::cli {

std::size_t columns_of(int descriptor) {
  constexpr std::size_t usual = 80;
  winsize size = {};
  return ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ? usual : size.ws_col;
}

} // namespace heirlock::cli
