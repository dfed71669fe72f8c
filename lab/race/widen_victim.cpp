// SPDX-License-Identifier: Apache-2.0
#include "lab/race/widen_victim.hpp"

#include <alloca.h>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <linux/futex.h>
#include <sched.h>
#include <stdexcept>
#include <sys/syscall.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include "lab/race/segment.hpp"

namespace heirlock::lab::race {
namespace {

constexpr int status_of_trouble = 1;
constexpr std::chrono::milliseconds look_again{100};

std::size_t page_size() {
  return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// glibc registers a restartable-sequence area next to the list head, and the kernel writes there whenever
// it preempts the thread: on a protected page that would end the thread before its time.
void leave_rseq() {
#if defined(RSEQ_SIG) && defined(SYS_rseq)
  constexpr unsigned smallest_area = 32;
  constexpr unsigned largest_area = 1024;
  constexpr int unregister = 1; // RSEQ_FLAG_UNREGISTER
  if (__rseq_size == 0) return; // not registered
  auto* const area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  // The kernel wants the registered size, which no symbol tells: it grows with the kernel's features.
  for (unsigned size = smallest_area; size <= largest_area; size += smallest_area) {
    if (::syscall(SYS_rseq, area, size, unregister, RSEQ_SIG) == 0) return;
  }
  throw std::system_error(errno, std::generic_category(),
                          "leaving rseq(2) (try with GLIBC_TUNABLES=glibc.pthread.rseq=0)");
#endif
}

// The page of the calling thread's list_op_pending: the store of NULL there ends the window.
void* page_of_pending() {
  robust_list_head* head = nullptr;
  std::size_t size = 0;
  if (::syscall(SYS_get_robust_list, 0, &head, &size) != 0)
    throw std::system_error(errno, std::generic_category(), "get_robust_list(2)");
  if (head == nullptr || size != sizeof *head)
    throw std::runtime_error("the libc has registered no robust list for a thread");
  const auto address = reinterpret_cast<std::uintptr_t>(&head->list_op_pending);
  return reinterpret_cast<void*>(address - address % page_size());
}

[[gnu::noinline]] void work(stage& shared_stage) {
  for (std::uint64_t round = 1; shared_stage.stop.load(std::memory_order_acquire) == 0; ++round) {
    shared_stage.at.store(round, std::memory_order_release);
    if (!shared_stage.of(round).use(round, 0)) throw std::runtime_error("a lock refused");
  }
}

[[gnu::noinline]] void run_worker(stage& shared_stage, std::atomic<void*>& page) {
  // The thread's first stack frames share the page of its list head; the stores of `work` to its own
  // frame must not stall.
  void* gap = alloca(2 * page_size());
  asm volatile("" : : "r"(gap) : "memory");
  page.store(page_of_pending(), std::memory_order_release);
  page.notify_all();
  work(shared_stage);
  announce(shared_stage.at_rest, 1);
  for (;;)
    ::pause();
}

// Some rounds from now, and anywhere within a round. A moment by the clock could come before the worker
// has even awoken from the last stall.
void wait_for_moment(const stage& shared_stage) {
  const std::uint32_t delay = shared_stage.delay.load(std::memory_order_relaxed);
  const std::uint64_t target = shared_stage.at.load(std::memory_order_acquire) + 2 + delay % 16;
  while (shared_stage.at.load(std::memory_order_acquire) < target)
    ::sched_yield();
  for (std::uint32_t turn = 0; turn < delay; ++turn)
    asm volatile("" : : : "memory");
}

void spring(stage& shared_stage, trap& one) {
  trap_board& board = shared_stage.board;
  std::uint32_t done = 0;
  for (;;) {
    const std::uint32_t order = board.order.load(std::memory_order_acquire);
    if (order == done) {
      sleep_while(board.order, order, look_again);
      continue;
    }
    done = order;
    if (order % 2 == 0) {
      one.release();
      announce(board.released, order);
      continue;
    }
    wait_for_moment(shared_stage);
    one.arm();
    one.watch(board, order);
  }
}

void give_up(stage& shared_stage, const char* why) {
  std::snprintf(shared_stage.trouble.data(), shared_stage.trouble.size(), "%s", why);
  ::_exit(status_of_trouble);
}

} // namespace

void prepare_stage(stage& shared_stage, lock_kind kind) {
  for (auto* word :
       {&shared_stage.board.order, &shared_stage.board.stalled, &shared_stage.board.released,
        &shared_stage.ready, &shared_stage.stop, &shared_stage.at_rest})
    word->store(0);
  shared_stage.at.store(0);
  shared_stage.trouble[0] = 0;
  for (object& each : shared_stage.ring)
    each.create(kind);
}

int be_widened_victim(stage& shared_stage, widening way) {
  std::atomic<void*> page{nullptr};
  std::thread worker([&] {
    try {
      shared_stage.worker.store(::gettid());
      leave_rseq();
      if (way == widening::protect) expect_protect_trap(shared_stage.board);
      run_worker(shared_stage, page);
    } catch (const std::exception& trouble) {
      give_up(shared_stage, trouble.what());
    }
  });
  try {
    page.wait(nullptr, std::memory_order_acquire);
    const auto one = make_trap(way, page.load(std::memory_order_acquire), page_size());
    announce(shared_stage.ready, 1);
    spring(shared_stage, *one);
  } catch (const std::exception& trouble) {
    give_up(shared_stage, trouble.what());
  }
  return status_of_trouble;
}

} // namespace heirlock::lab::race
