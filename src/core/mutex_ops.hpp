// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/core/domain.hpp"

// Life and death of a mutex. 0 or an errno value, as heirlock.h says.
namespace heirlock::core {

int init_mutex(detail::mutex_cells& mutex,
               attached_domain* domain) noexcept; // nullptr: the default
int destroy_mutex(detail::mutex_cells& mutex) noexcept;
int recover_mutex(detail::mutex_cells& mutex,
                  attached_domain* domain) noexcept; // nullptr: the default

} // namespace heirlock::core
