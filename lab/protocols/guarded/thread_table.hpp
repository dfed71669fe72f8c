// SPDX-License-Identifier: Apache-2.0
// One record for each thread of a process, where its other threads find it.
//
// entry.owner         meaning                                           written by
//   0                 never used                                        -
//   process, thread   of this process and alive: the record is its own  that thread, when it enters
//   process, thread   of this process and dead: free; what its record   -
//                     says is over, as the kernel's exit walk is done
//                     before a TID is gone
//   process, thread   of another process: free; a child inherits the    -
//                     parent's records, but not its threads
//
// A record is never given back: a thread that exits is still to be walked by the kernel, and its record is read until
// then. Whoever needs one takes that of a thread which is gone, or a new one.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace heirlock::lab {

template <class Record>
class thread_table {
 public:
  struct alignas(64) entry { // a cache line of its own: only its thread writes to it
    std::atomic<std::uint64_t> owner;
    Record record;
  };

  // The calling thread's entry, `mine` if that is still its own; nullptr when the table is full.
  entry* enter(entry* mine) noexcept {
    const std::uint64_t me = process_part() | static_cast<std::uint32_t>(::syscall(SYS_gettid));
    if (mine != nullptr && mine->owner.load(std::memory_order_relaxed) == me) return mine;
    return claim(me);
  }

  // Busy-waits, for each record in turn, while `holds(record)` and the thread is there. Who has claimed its entry
  // before the caller acquired a lock that it had released is not missed.
  template <class Holds>
  void wait_while(Holds holds) noexcept {
    const unsigned count = used_.load(std::memory_order_relaxed);
    for (unsigned i = 0; i < count; ++i)
      while (holds(entries_[i].record) &&
             is_alive(entries_[i].owner.load(std::memory_order_relaxed)))
        ::sched_yield();
  }

 private:
  static constexpr unsigned capacity = 4096;
  static constexpr unsigned process_shift = 32;

  static std::uint64_t process_part() noexcept {
    return static_cast<std::uint64_t>(::getpid()) << process_shift;
  }

  static bool is_alive(std::uint64_t owner) noexcept {
    const auto process = static_cast<pid_t>(owner >> process_shift);
    return process == ::getpid() &&
           ::syscall(SYS_tgkill, process, static_cast<pid_t>(owner), 0) == 0;
  }

  static bool take_over(entry& old, std::uint64_t me) noexcept {
    std::uint64_t owner = old.owner.load(std::memory_order_relaxed);
    return !is_alive(owner) && old.owner.compare_exchange_strong(owner, me);
  }

  entry* claim(std::uint64_t me) noexcept {
    unsigned count = used_.load(std::memory_order_relaxed);
    // Looks for each newcomer keep the table about as long as there were ever threads at a time. One would not do: in step
    // with a table that grows by one it would always be at the same entry.
    for (unsigned looks = count != 0 ? 2 : 0; looks > 0; --looks) {
      entry& old = entries_[next_look_.fetch_add(1, std::memory_order_relaxed) % count];
      if (take_over(old, me)) return &old;
    }
    while (count < capacity) {
      if (!used_.compare_exchange_weak(count, count + 1)) continue;
      if (take_over(entries_[count], me)) return &entries_[count];
      count = used_.load(std::memory_order_relaxed); // somebody took it over meanwhile
    }
    for (entry& old : entries_)
      if (take_over(old, me)) return &old;
    return nullptr;
  }

  std::atomic<unsigned> used_; // entries below it may have an owner
  std::atomic<unsigned> next_look_;
  entry entries_[capacity];
};

} // namespace heirlock::lab
