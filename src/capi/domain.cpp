// SPDX-License-Identifier: Apache-2.0
#include "src/core/claim.hpp"
#include "src/core/domain_open.hpp"
#include "src/core/process.hpp"

#include <cerrno>

using namespace heirlock::core;

int heirlock_domain_open(const heirlock_domain_options_t* options, heirlock_domain_t** domain,
                         heirlock_error_t* error) noexcept {
  heirlock_error_t unread;
  heirlock_error_t& details = error != nullptr ? *error : unread;
  const heirlock_domain_options_t defaults = HEIRLOCK_DOMAIN_OPTIONS_INIT;
  if (domain == nullptr)
    return refuse(details, EINVAL, "there is no room for the handle: give a pointer to one");
  return open_domain(options != nullptr ? *options : defaults, nullptr, *domain, details);
}

int heirlock_domain_close(heirlock_domain_t* domain) noexcept {
  return domain != nullptr ? close_domain(*domain) : EINVAL;
}

int heirlock_domain_memfd(heirlock_error_t* error) noexcept {
  heirlock_error_t unread;
  return make_memory_file(error != nullptr ? *error : unread);
}

int heirlock_domain_inspect(heirlock_domain_t* domain, heirlock_domain_info_t* info) noexcept {
  return domain != nullptr && info != nullptr ? inspect_domain(*domain, *info) : EINVAL;
}

int heirlock_thread_attach(heirlock_domain_t* domain) noexcept {
  if (domain == nullptr) return EINVAL;
  notice_fork();
  return claim_seat(*domain, nullptr);
}

int heirlock_thread_detach(heirlock_domain_t* domain) noexcept {
  return domain != nullptr ? detach_seat(*domain) : EINVAL;
}
