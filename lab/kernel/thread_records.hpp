// SPDX-License-Identifier: Apache-2.0
// What a kernel with a policy's extension would keep in its own record of each thread.
#pragma once

#include <map>
#include <utility>

#include "lab/process/ids.hpp"

namespace heirlock::lab::kernel {

// A number is used again for another thread; together with the time of its birth it is not.
unsigned long long birth_of(thread_id thread);

template <class Value>
class thread_records {
 public:
  // An empty value when nothing was kept.
  Value of(thread_id thread) const {
    const auto own = records_.find(thread);
    if (own == records_.end() || own->second.born != birth_of(thread)) return {};
    return own->second.value;
  }
  // From now on this is the thread's.
  void keep(thread_id thread, Value value) {
    records_[thread] = {birth_of(thread), std::move(value)};
  }
  // That of a dying thread; it is forgotten.
  Value take(thread_id dying) {
    Value found = of(dying);
    records_.erase(dying);
    return found;
  }

 private:
  struct record {
    unsigned long long born = 0;
    Value value;
  };

  std::map<thread_id, record> records_;
};

} // namespace heirlock::lab::kernel
