// SPDX-License-Identifier: Apache-2.0
// error: cannot convert .*outcome.* to .*bool
#include <heirlock/mutex.hpp>

bool take_it_to_be_sound(heirlock::mutex& lock);
bool take_it_to_be_sound(heirlock::mutex& lock) {
  return lock.acquire();
}
