// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain_file.hpp"
#include "src/sys/clock.hpp"
#include "src/sys/file.hpp"

#include <heirlock/heirlock.h>

#include <atomic>
#include <cstdint>

// The domains that this process is attached to.

namespace heirlock::core {
inline constexpr std::size_t longest_path = 256;
} // namespace heirlock::core

// One attachment. The public handle points to it.
struct heirlock_domain {
  // Published last and withdrawn first; everything else is stable in between.
  std::atomic<heirlock::core::domain_header*> header;
  heirlock::core::seat* seats; // seats[0] is seat number 1
  std::uint32_t seat_count;
  std::uint32_t id;
  bool asymmetric;
  std::uint32_t backstop_ms;

  // Changed under the process lock only.
  std::atomic<std::uint32_t>
      process;        // this process's liveness number; 0: not joined, or forked since
  void* liveness_pin; // its mapping holds the liveness lock until the process ends or execs
  int descriptor;     // to open the file anew through; the application may have closed it
  // Through which a lock is being taken or held at the moment, -1: none. For a child that inherits a copy.
  int claim_descriptor = -1;
  int liveness_descriptor = -1;
  dev_t device;
  ino_t inode;
  char path[heirlock::core::longest_path]; // empty: none

  heirlock::core::seat& seat_number(std::uint32_t number) noexcept { return seats[number - 1]; }
  heirlock::core::domain_counters& counters() noexcept {
    return header.load(std::memory_order_relaxed)->counters;
  }
};

namespace heirlock::core {

using attached_domain = ::heirlock_domain;

extern attached_domain domains[detail::max_domains];

inline std::uint32_t slot_of(const attached_domain& domain) noexcept {
  return static_cast<std::uint32_t>(&domain - domains);
}
// The attachment with this id, or nullptr. Constant time: the table is small and fixed.
attached_domain* find_domain(std::uint32_t id) noexcept;
// Attaches to this user's default domain at the first call. nullptr and an errno value when it is refused, or is not
// there and not to be made, or cannot be had in time.
attached_domain* default_domain(bool make, const sys::deadline* limit, int& error) noexcept;

// Seats in this domain that are held by threads of this process are alive.
bool has_own_seats(attached_domain& domain) noexcept;

// The application may close any descriptor, and its number then stands for another file.
bool is_file_of(const attached_domain& domain, int descriptor) noexcept;
// Opens the domain's file through a new description. Negated errno; -ESTALE when the path leads to another
// file by now and no descriptor is left.
int open_anew(const attached_domain& domain) noexcept;

} // namespace heirlock::core
