// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace heirlock::sys {

// Lets barriers of other processes reach this one. 0, or an errno value: the kernel or a filter refuses.
int register_for_barriers() noexcept;
// A full memory barrier on every processor that runs a registered process. False: there was none, because the call is
// refused by now (a sandbox that was closed after this process had registered).
bool barrier_everywhere() noexcept;

} // namespace heirlock::sys
