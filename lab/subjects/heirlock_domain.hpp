// SPDX-License-Identifier: Apache-2.0
// The domain in which the subjects heirlock and heirlock-asymmetric live.
#pragma once

#include <heirlock/heirlock.h>

#include <cstdint>

namespace heirlock::lab {

// Closes the one that is open, and makes another in a memory file, which has no name: it is gone with the processes
// that use it, however they end. 0, or an errno value.
int open_subject_domain(heirlock_unlock_mode mode, std::uint32_t threads,
                        std::uint32_t backstop_ms);

heirlock_domain_t* subject_domain();

} // namespace heirlock::lab
