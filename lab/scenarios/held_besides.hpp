// SPDX-License-Identifier: Apache-2.0
// The victim holds a lock besides that of its operation: what becomes of a list with more than one entry.
#pragma once

#include "lab/audit/scenario.hpp"

namespace heirlock::lab {

inline constexpr const char* counts_what_else_is_held =
    "what counts is what else is held; use lock, trylock or unlock";

// After the victim's death a witness gets both, and is told of the death by the other one, and by that of the operation if
// the victim owned it.
void inherit_besides(run& r, std::uint64_t other);

} // namespace heirlock::lab
