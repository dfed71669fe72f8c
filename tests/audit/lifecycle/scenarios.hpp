// SPDX-License-Identifier: Apache-2.0
// Two situations that say something about heirlock alone, or about a lock that is told of deaths.
#pragma once

#include "lab/audit/scenario.hpp"

namespace heirlock::lab {

// The domain has as many seats as survivors remain: each must find one.
const scenario& everybody_is_seated_scenario();
// The victim is killed while it takes over from an owner that died before it.
const scenario& heir_killed_scenario();

} // namespace heirlock::lab
