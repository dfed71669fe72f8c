// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/core/support.hpp"

#include <string>
#include <unistd.h>

namespace heirlock::test {

// A name that nothing else uses, and that is gone when the test ends.
class path_for_test {
 public:
  path_for_test() {
    static int number = 0;
    path_ = "/dev/shm/heirlock-test-" + std::to_string(getpid()) + "-" + std::to_string(number++);
    unlink(path_.c_str());
  }
  ~path_for_test() { unlink(path_.c_str()); }
  const char* c_str() const { return path_.c_str(); }
  domain_options options() const { return domain_options(c_str()).threads(8); }

 private:
  std::string path_;
};

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
