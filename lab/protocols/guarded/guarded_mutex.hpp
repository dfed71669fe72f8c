// SPDX-License-Identifier: Apache-2.0
// A robust mutex whose unlock stands between two steps by which others can see that it is under way, and a destroy
// that may wait for them. What all the proposals have in common that leave the kernel as it is:
//
// unlock:   0. Guard::enter    1 to 6. the classic unlock (robust_mutex.hpp, classic_release.hpp)    7. Guard::leave
// destroy:  D1. refuse a lock that is held    D2. Guard::wait until nobody is between 0 and 7 with this mutex
//
// Why D2 misses nobody who had released before: the destroyer was the last to acquire the word, with acquire order
// from a chain of releases (step 4), and each thread's step 0 is before its step 4. So it sees step 0 of each, or its
// step 7. Inside lock() no guard is needed: a thread there is a user, and a mutex with users is not destroyed.
#pragma once

#include "lab/protocols/robust_list/classic_release.hpp"
#include "lab/protocols/robust_list/robust_mutex.hpp"

namespace heirlock::lab::robust {

// What a guard whose leave() needs nothing from its enter() hands over.
struct no_token {};

// Guard: a class in the mutex, possibly empty, with thread_enter(), init(), token = enter(mutex's node), leave(token),
// wait(mutex's node).
template <class Guard>
class guarded_mutex {
 public:
  static int thread_enter() noexcept {
    if (const int error = inner::thread_enter(); error != 0) return error;
    return Guard::thread_enter();
  }
  void init() noexcept {
    inner_.init();
    guard_.init();
  }
  int lock() noexcept { return inner_.lock(); }
  int trylock() noexcept { return inner_.trylock(); }
  int timedlock(const timespec& deadline) noexcept { return inner_.timedlock(deadline); }
  int unlock() noexcept {
    const auto token = guard_.enter(inner_.node()); // 0
    const int error = inner_.unlock();              // 1 to 6
    guard_.leave(token);                            // 7
    return error;
  }
  int consistent() noexcept { return inner_.consistent(); }
  int destroy() noexcept {
    if (const int error = inner_.destroy(); error != 0) return error; // D1
    guard_.wait(inner_.node());                                       // D2
    return 0;
  }
  [[nodiscard]] pid_t owner() const noexcept { return inner_.owner(); }

 private:
  using inner = robust_mutex<classic_release>;
  inner inner_;
  Guard guard_;
};

} // namespace heirlock::lab::robust
