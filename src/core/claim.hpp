// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"

// Giving seats to threads, and taking them back.
namespace heirlock::core {

// Makes the seat that the calling thread has in the domain its current one; claims one if it has none.
// 0; EAGAIN: the domain is full of living threads; ETIMEDOUT; or why the domain's file cannot be opened.
int claim_seat(attached_domain& domain, const sys::deadline* limit) noexcept;
// The same without claiming: false when the thread has no seat there.
bool resume_seat(const attached_domain& domain) noexcept;
int detach_seat(attached_domain& domain) noexcept;

// Marks a seat's bells as the kernel would at its holder's death. Claim lock held, holder certainly gone.
void mark_dead(seat& gone) noexcept;

// The backstop: asks whether the holder of that generation of the seat lives, without relying on any mark,
// and marks the seat when it does not. True: it is dead or was replaced.
bool reclaim_if_dead(attached_domain& domain, seat& asked, std::uint32_t generation,
                     const sys::deadline* limit) noexcept;

} // namespace heirlock::core
