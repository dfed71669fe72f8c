// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace heirlock::core {

// How many pauses a waiter spends looking at the word before it queues, and again before it sleeps. Of this process;
// only speed depends on it. It is a variable for the sake of audits, which take few, so that the same code has shorter
// paths.
extern int spin_pauses;

} // namespace heirlock::core
