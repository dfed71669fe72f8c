// SPDX-License-Identifier: Apache-2.0
#include "src/core/domain.hpp"

#include "src/core/domain_open.hpp"
#include "src/core/process.hpp"
#include "src/sys/file.hpp"

#include <cerrno>

namespace heirlock::core {

attached_domain domains[detail::max_domains];

namespace {

// Slot and id of the default domain, 0: not known. The id, because the slot may have been closed and taken by another
// domain since; no domain has the id 0.
std::atomic<std::uint64_t> known_default{0};

attached_domain* look_up_default() noexcept {
  const std::uint64_t known = known_default.load(std::memory_order_acquire);
  attached_domain& domain = domains[known >> 32];
  const bool is_it = domain.header.load(std::memory_order_acquire) != nullptr &&
                     domain.id == static_cast<std::uint32_t>(known);
  return is_it ? &domain : nullptr;
}

} // namespace

bool is_file_of(const attached_domain& domain, int descriptor) noexcept {
  struct stat status {};
  return descriptor >= 0 && sys::status_of(descriptor, status) == 0 &&
         status.st_dev == domain.device && status.st_ino == domain.inode;
}

attached_domain* find_domain(std::uint32_t id) noexcept {
  for (attached_domain& domain : domains)
    // sync attached: the header is published after everything else of the attachment.
    if (domain.header.load(std::memory_order_acquire) != nullptr && domain.id == id) return &domain;
  return nullptr;
}

attached_domain* default_domain(bool make, const sys::deadline* limit, int& error) noexcept {
  if (attached_domain* known = look_up_default()) return known;
  heirlock_domain_options_t options = HEIRLOCK_DOMAIN_OPTIONS_INIT;
  if (!make) options.flags = HEIRLOCK_DOMAIN_MUST_EXIST;
  heirlock_error_t details;
  attached_domain* opened = nullptr;
  error = open_domain(options, limit, opened, details);
  if (error != 0) return nullptr;
  known_default.store(std::uint64_t{slot_of(*opened)} << 32 | opened->id,
                      std::memory_order_release);
  return opened;
}

// The descriptor first: it still leads to the file when the name does not. It may have been closed by the
// application, and its number may stand for another file by now: believe neither number nor name before the
// opened file has been compared.
int open_anew(const attached_domain& domain) noexcept {
  int opened = -ESTALE;
  if (is_file_of(domain, domain.descriptor)) {
    opened = sys::open_again(domain.descriptor);
    if (is_file_of(domain, opened)) return opened;
    if (opened >= 0) sys::close_file(opened);
  }
  if (domain.path[0] == '\0') return opened < 0 ? opened : -ESTALE;
  opened = sys::open_existing(domain.path);
  if (opened < 0 || is_file_of(domain, opened)) return opened;
  sys::close_file(opened);
  return -ESTALE;
}

bool has_own_seats(attached_domain& domain) noexcept {
  if (domain.process == 0) return false;
  for (std::uint32_t number = 1; number <= domain.seat_count; ++number) {
    seat& candidate = domain.seat_number(number);
    if (candidate.process.load(std::memory_order_relaxed) != domain.process) continue;
    for (bell& each : candidate.bells)
      if (sys::is_held(each.word().load(std::memory_order_acquire))) return true;
  }
  return false;
}

} // namespace heirlock::core
