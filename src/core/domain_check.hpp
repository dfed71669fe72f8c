// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"

// What a domain must look like before this process trusts it. Each refusal says which and what to do.
namespace heirlock::core {

// The file: kind, owner, permissions, plausible size.
int check_file(const heirlock_domain_options_t& options, const char* path, int descriptor,
               struct stat& status, heirlock_error_t& details) noexcept;
// The content: made by this version, libc and word size, for the number of threads and mode asked for.
int check_header(const heirlock_domain_options_t& options, const domain_header& header,
                 const struct stat& status, heirlock_error_t& details) noexcept;
// A domain in a file outlives the machine's uptime; its seats do not.
int start_after_reboot(attached_domain& domain, domain_header& header,
                       heirlock_error_t& details) noexcept;

} // namespace heirlock::core
