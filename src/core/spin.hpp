// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// How patient the waiters of this process are. Only speed and fairness depend on it. These are variables for the sake
// of audits, in which the same code must take the same way each time, and a short one.
namespace heirlock::core {

// How many pauses a waiter spends looking at the word before it queues, and again before it sleeps.
extern int spin_pauses;

// A head that was overtaken for so long asks that the next release be kept for heads. Sooner would make every hand-over
// a change of context, as nobody could take the mutex while the head is being woken. 0: once it has slept in vain,
// whatever the clock says.
extern std::int64_t starving_after_ns;

} // namespace heirlock::core
