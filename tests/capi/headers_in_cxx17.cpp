// SPDX-License-Identifier: Apache-2.0
// Compiled as C++17: programs that are not on C++20 use the library too.
#include <heirlock/domain.hpp>
#include <heirlock/heirlock.h>
#include <heirlock/mutex.hpp>
#include <heirlock/recursive_mutex.hpp>

#include <mutex>

static_assert(__cplusplus < 202002L);

template class heirlock::detail::lockable<heirlock::mutex>;
template class heirlock::detail::lockable<heirlock::recursive_mutex>;
template class heirlock::outcome<heirlock::mutex>;

int use_everything(heirlock::mutex& a, heirlock::recursive_mutex& b);
int use_everything(heirlock::mutex& a, heirlock::recursive_mutex& b) {
  const std::scoped_lock both(a, b);
  return b.acquire_for(std::chrono::milliseconds(1))
      .match([] { return 0; }, [](auto& died) { return died.mark_consistent(), 1; },
             [](heirlock::status why) { return static_cast<int>(why); });
}
