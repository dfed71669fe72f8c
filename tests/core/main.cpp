// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <gtest/gtest.h>

// No test may use, or leave behind, the default domain of whoever runs the tests: unless it names one of its
// own, there is none to be had.
int main(int argc, char** argv) {
  setenv("HEIRLOCK_DOMAIN", "/nonexistent/heirlock", 1);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
