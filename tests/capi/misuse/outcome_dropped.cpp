// SPDX-License-Identifier: Apache-2.0
// error: ignoring return(ed)? value.*acquire.*nodiscard
#include <heirlock/mutex.hpp>

void take_and_forget(heirlock::mutex& lock);
void take_and_forget(heirlock::mutex& lock) {
  lock.acquire();
}
