// SPDX-License-Identifier: Apache-2.0
// The classic robust mutex with a destroy that sees to it that no thread has it as its pending operation any more:
//
//   1 to 6. the classic unlock
//   destroy: D1. refuse a lock that is held    D2. Cleanup()(futex word), 0 or an errno value
#pragma once

#include "lab/protocols/robust_list/classic_release.hpp"
#include "lab/protocols/robust_list/robust_mutex.hpp"

namespace heirlock::lab::robust {

template <class Cleanup>
class cleaning_mutex : public robust_mutex<classic_release> {
 public:
  int destroy() noexcept {
    if (const int error = robust_mutex::destroy(); error != 0) return error; // D1
    return Cleanup()(futex_word());                                          // D2
  }
};

} // namespace heirlock::lab::robust
