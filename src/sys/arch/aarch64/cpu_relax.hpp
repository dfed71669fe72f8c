// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace heirlock::sys {

// ISB rather than YIELD, which most cores treat as a no-op.
inline void cpu_relax() noexcept {
  asm volatile("isb" ::: "memory");
}

} // namespace heirlock::sys
