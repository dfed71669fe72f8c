// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"

namespace heirlock::core {

// Finds or makes a domain and attaches this process to it. 0 or an errno value; details say more.
int open_domain(const heirlock_domain_options_t& options, const sys::deadline* limit,
                attached_domain*& domain, heirlock_error_t& details) noexcept;
int close_domain(attached_domain& domain) noexcept;
int inspect_domain(attached_domain& domain, heirlock_domain_info_t& info) noexcept;
// A memory file that a domain can be made in; -1 when refused.
int make_memory_file(heirlock_error_t& details) noexcept;

// Records an error and returns its code.
__attribute__((format(printf, 3, 4))) int refuse(heirlock_error_t& details, int code,
                                                 const char* format, ...) noexcept;

} // namespace heirlock::core
