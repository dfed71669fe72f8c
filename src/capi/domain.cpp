// SPDX-License-Identifier: Apache-2.0
#include "src/core/claim.hpp"
#include "src/core/domain_open.hpp"
#include "src/core/process.hpp"

using namespace heirlock::core;

int heirlock_domain_open(const heirlock_domain_options_t* options, heirlock_domain_t** domain,
                         heirlock_error_t* error) noexcept {
  heirlock_error_t unread;
  return open_domain(*options, *domain, error != nullptr ? *error : unread);
}

int heirlock_domain_close(heirlock_domain_t* domain) noexcept {
  return close_domain(*domain);
}

int heirlock_domain_memfd(heirlock_error_t* error) noexcept {
  heirlock_error_t unread;
  return make_memory_file(error != nullptr ? *error : unread);
}

int heirlock_domain_inspect(heirlock_domain_t* domain, heirlock_domain_info_t* info) noexcept {
  return inspect_domain(*domain, *info);
}

int heirlock_thread_attach(heirlock_domain_t* domain) noexcept {
  notice_fork();
  return claim_seat(*domain, nullptr);
}

int heirlock_thread_detach(heirlock_domain_t* domain) noexcept {
  return detach_seat(*domain);
}
