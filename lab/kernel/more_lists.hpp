// SPDX-License-Identifier: Apache-2.0
// The lists that threads have registered with set_robust_list2, which the running kernel does not know: what a kernel
// would keep in its own record of each thread.
#pragma once

#include <map>

#include "lab/kernel/exit_walk.hpp"

namespace heirlock::lab::kernel {

class more_lists {
 public:
  registered_lists of(thread_id thread) const;
  // From now on these are the thread's.
  void keep(thread_id thread, const registered_lists& lists);
  // Those of a dying thread; they are forgotten.
  registered_lists take(thread_id dying);

 private:
  // A number is used again for another thread; together with the time of its birth it is not.
  struct record {
    unsigned long long born = 0;
    registered_lists lists;
  };

  std::map<thread_id, record> records_;
};

} // namespace heirlock::lab::kernel
