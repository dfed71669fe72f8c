// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

namespace heirlock::lab {

// What a kill at one point did to the users of the lock.
enum class verdict {
  ok,
  corrupted,    // memory that was no longer the lock's has been written to
  lost_wakeup,  // the lock can be had, but a waiter sleeps on
  owner_lost,   // the owner died, the lock stays taken or its death is not reported
  false_death,  // a death was reported that had not happened, or reported twice
  false_owner,  // a thread that never got the lock is taken for its owner
  two_owners,   // two were inside at the same time
  stuck,        // somebody waits actively for ever
  crashed,      // an operation crashed, or returned an error that it must not return
  check_failed, // the user's own check of the user's own program found fault
  modelled, // everything held, but a part of it was done in the kernel's place in a way that no kernel does
};

// A kill point with it is no violation.
constexpr bool is_harmless(verdict v) {
  return v == verdict::ok || v == verdict::modelled;
}

inline constexpr std::array all_verdicts = {
    verdict::ok,          verdict::corrupted,    verdict::lost_wakeup, verdict::owner_lost,
    verdict::false_death, verdict::false_owner,  verdict::two_owners,  verdict::stuck,
    verdict::crashed,     verdict::check_failed, verdict::modelled,
};

constexpr std::string_view name_of(verdict v) {
  constexpr std::string_view names[] = {"ok",          "corrupted",    "lost wake-up", "owner lost",
                                        "false death", "false owner",  "two owners",   "stuck",
                                        "crashed",     "check failed", "modelled"};
  return names[static_cast<unsigned>(v)];
}

} // namespace heirlock::lab
