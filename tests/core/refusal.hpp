// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/core/support.hpp"

namespace heirlock::test {

// What a refusal says, or "" when there was none.
inline std::string refusal(const domain_options& options) {
  try {
    domain opened = domain::open(options);
    opened.close();
    return "";
  } catch (const domain_error& error) {
    return error.what();
  }
}

inline testing::AssertionResult says(const std::string& text, const char* part) {
  if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << text << "' does not say '" << part << "'";
}

} // namespace heirlock::test
