// SPDX-License-Identifier: Apache-2.0
#include "lab/protocols/rseq_rl_cs/two_way_list.hpp"

namespace heirlock::lab::robust {
namespace {
// See thread_list.cpp.
thread_local two_way_list current_list;
} // namespace

two_way_list& two_way_list::current() noexcept {
  return current_list;
}

} // namespace heirlock::lab::robust
