// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "lab/process/ids.hpp"

namespace heirlock::lab {

// Whether a breakpoint that `arm` sets on a stopped thread does stop it: tried on a process made for it. Some
// virtual machines take the debug registers and never act upon them, so that arming alone tells nothing.
bool breakpoint_stops(const std::function<bool(thread_id, remote_address)>& arm);

} // namespace heirlock::lab
