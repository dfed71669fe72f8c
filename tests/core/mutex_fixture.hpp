// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/core/support.hpp"

namespace heirlock::test {

// One suite in several files; mutex_test.cpp says in which modes.
struct MutexTest : testing::TestWithParam<unlock_mode> {
  own_domain where = nameless(GetParam());
};

} // namespace heirlock::test
