// SPDX-License-Identifier: Apache-2.0
// error: no matching function for call to .*match
#include <heirlock/mutex.hpp>

int answer_two_of_three(heirlock::mutex& lock);
int answer_two_of_three(heirlock::mutex& lock) {
  return lock.acquire().match([] { return 0; }, [](heirlock::status) { return 1; });
}
