// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace heirlock::sys {

inline void cpu_relax() noexcept {
  __builtin_ia32_pause();
}

} // namespace heirlock::sys
