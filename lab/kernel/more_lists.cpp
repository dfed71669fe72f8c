// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel/more_lists.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>
#include <string>

namespace heirlock::lab::kernel {
namespace {

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

} // namespace

registered_lists more_lists::of(thread_id thread) const {
  const auto own = records_.find(thread);
  if (own == records_.end() || own->second.born != birth_of(thread)) return {};
  return own->second.lists;
}

void more_lists::keep(thread_id thread, const registered_lists& lists) {
  records_[thread] = {birth_of(thread), lists};
}

registered_lists more_lists::take(thread_id dying) {
  registered_lists found = of(dying);
  records_.erase(dying);
  return found;
}

} // namespace heirlock::lab::kernel
