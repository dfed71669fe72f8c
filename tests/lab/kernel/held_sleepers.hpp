// SPDX-License-Identifier: Apache-2.0
// Sleepers on a stage that holds the woken (stage_options::hold_the_woken): who sleeps on which word, and later
// who has been woken.
#pragma once

#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <vector>

#include "lab/process/tracee.hpp"

namespace heirlock::lab {

inline constexpr std::chrono::seconds rest_bound{1}; // of CPU time: nobody here computes

// Passes the stops at system calls until the thread sleeps, or stops for another reason. One that has been woken since
// it was last looked at has come to such a stop unseen.
inline void let_run(tracee& thread) {
  if (thread.status().is<running>()) thread.settle(rest_bound);
  while (thread.status().is<system_call_stop>()) {
    thread.resume(resumption::run);
    thread.settle(rest_bound);
  }
}

class held_sleepers {
 public:
  // One that is about to enter a sleep enters it first.
  void note(tracee& thread) {
    if (thread.status().is_gone()) return;
    let_run(thread);
    if (!thread.status().is<running>()) return;
    const auto word = futex_of(thread.id());
    held_.push_back({&thread, word});
  }

  // How many sleep, or have been woken, on each word.
  using count_by_word = std::map<remote_address, unsigned>;
  count_by_word asleep() const {
    count_by_word count;
    for (const auto& [thread, word] : held_)
      ++count[word];
    return count;
  }
  count_by_word woken() {
    count_by_word count;
    for (const auto& [thread, word] : held_) {
      if (thread->settle(rest_bound) == rest::asleep) continue;
      __ptrace_syscall_info call = {};
      if (ptrace(PTRACE_GET_SYSCALL_INFO, thread->id().value, reinterpret_cast<void*>(sizeof call),
                 &call) <= 0 ||
          call.op != PTRACE_SYSCALL_INFO_EXIT || call.exit.rval != 0)
        throw std::runtime_error("a sleeper was ended by something else than a wake");
      ++count[word];
    }
    return count;
  }

 private:
  // The futex that a sleeping thread waits for, from its first system call argument.
  static remote_address futex_of(thread_id sleeper) {
    std::ifstream file("/proc/" + std::to_string(sleeper.value) + "/syscall");
    long number = -1;
    std::uint64_t first = 0;
    if (!(file >> number >> std::hex >> first) || number != SYS_futex)
      throw std::runtime_error("a survivor sleeps in something else than a futex");
    return {first};
  }

  struct sleeper {
    tracee* thread;
    remote_address word;
  };
  std::vector<sleeper> held_;
};

} // namespace heirlock::lab
