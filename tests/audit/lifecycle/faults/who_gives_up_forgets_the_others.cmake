# SPDX-License-Identifier: Apache-2.0
# A timed lock that gives up takes the mark away by which others are woken.
set(FILE src/core/mutex_lock.cpp)
set(SOUND [=[int slow_lock::give_up() noexcept {
]=])
set(FAULTY [=[int slow_lock::give_up() noexcept {
  mutex_.word.fetch_and(~bits::waiters);
]=])
set(FOUND_BY timed trylock-contended waiter-asleep "lost wake-up")
