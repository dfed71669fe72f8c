// SPDX-License-Identifier: Apache-2.0
#include "src/core/domain.hpp"

#include "src/core/domain_open.hpp"
#include "src/core/process.hpp"
#include "src/sys/file.hpp"

#include <cerrno>

namespace heirlock::core {

attached_domain domains[detail::max_domains];

namespace {

std::atomic<attached_domain*> cached_default{nullptr};

bool is_file_of(const attached_domain& domain, int descriptor) noexcept {
  struct stat status {};
  return descriptor >= 0 && sys::status_of(descriptor, status) == 0 &&
         status.st_dev == domain.device && status.st_ino == domain.inode;
}

} // namespace

attached_domain* find_domain(std::uint32_t id) noexcept {
  for (attached_domain& domain : domains)
    // sync attached: the header is published after everything else of the attachment.
    if (domain.header.load(std::memory_order_acquire) != nullptr && domain.id == id) return &domain;
  return nullptr;
}

attached_domain* default_domain(int& error) noexcept {
  attached_domain* known = cached_default.load(std::memory_order_acquire);
  if (known != nullptr && known->header.load(std::memory_order_acquire) != nullptr) return known;
  const heirlock_domain_options_t options = HEIRLOCK_DOMAIN_OPTIONS_INIT;
  heirlock_error_t details;
  error = open_domain(options, known, details);
  if (error != 0) return nullptr;
  cached_default.store(known, std::memory_order_release);
  return known;
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
