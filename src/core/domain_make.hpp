// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"

namespace heirlock::core {

inline constexpr mode_t private_mode = S_IRUSR | S_IWUSR;
inline constexpr mode_t group_mode = private_mode | S_IRGRP | S_IWGRP;

// Makes a domain and gives it the name in one step: who is killed before leaves nothing behind, and nobody
// ever opens a half-made one. A descriptor, -EEXIST when another was faster (no details), or another error.
int make_at_path(const heirlock_domain_options_t& options, const char* path,
                 heirlock_error_t& details) noexcept;
// Opens a given file anew; makes a domain of it when it is empty, or its maker was killed in between. -taken: another process has the claim lock.
int open_given(const heirlock_domain_options_t& options, heirlock_error_t& details) noexcept;

int read_boot_id(char (&boot_id)[boot_id_size]) noexcept;

} // namespace heirlock::core
