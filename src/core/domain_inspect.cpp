// SPDX-License-Identifier: Apache-2.0
#include "src/core/domain_open.hpp"
#include "src/sys/file.hpp"
#include "src/sys/futex.hpp"

#include <cerrno>
#include <cstring>

namespace heirlock::core {

int inspect_domain(attached_domain& domain, heirlock_domain_info_t& info) noexcept {
  domain_header* header = domain.header.load(std::memory_order_acquire);
  if (header == nullptr || info.struct_size != sizeof info) return EINVAL;
  const auto read = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  const domain_counters& from = header->counters;
  info.id = domain.id;
  info.threads = domain.seat_count;
  info.threads_alive = 0;
  for (std::uint32_t number = 1; number <= domain.seat_count; ++number) {
    bell& first = domain.seat_number(number).bells[0];
    if (sys::is_held(first.word().load(std::memory_order_relaxed))) ++info.threads_alive;
  }
  info.unlock_mode = domain.asymmetric ? HEIRLOCK_UNLOCK_ASYMMETRIC : HEIRLOCK_UNLOCK_RMW;
  info.backstop_ms = domain.backstop_ms;
  info.waits_on_many = sys::has_wait_on_many();
  info.reserved = 0;
  info.slow_locks = read(from.slow_locks);
  info.follower_sleeps = read(from.follower_sleeps);
  info.head_sleeps = read(from.head_sleeps);
  info.relays = read(from.relays);
  info.owner_deaths = read(from.owner_deaths);
  info.claims = read(from.claims);
  info.detaches = read(from.detaches);
  info.lost_places = read(from.lost_places);
  info.backstop_timeouts = read(from.backstop_timeouts);
  info.rescued_wakes = read(from.rescued_wakes);
  info.rescued_deaths = read(from.rescued_deaths);
  info.stopped_predecessors = read(from.stopped_predecessors);
  info.sleeps_in_turns = read(from.sleeps_in_turns);
  return 0;
}

int make_memory_file(heirlock_error_t& details) noexcept {
  const int descriptor = sys::memory_file("heirlock");
  if (descriptor < 0)
    refuse(details, -descriptor, "cannot make a memory file: %s", strerror(-descriptor));
  return descriptor < 0 ? -1 : descriptor;
}

} // namespace heirlock::core
