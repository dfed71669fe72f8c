// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel/thread_records.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <string>

namespace heirlock::lab::kernel {

// proc(5): pid (comm) state, and the time of birth as the twentieth value from the state on.
unsigned long long birth_of(thread_id thread) {
  std::ifstream file(fmt::format("/proc/{}/stat", thread.value));
  std::string text;
  std::getline(file, text);
  std::istringstream values(text.substr(text.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 19; ++i)
    values >> skipped;
  unsigned long long born = 0;
  values >> born;
  return born;
}

} // namespace heirlock::lab::kernel
