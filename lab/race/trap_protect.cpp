// SPDX-License-Identifier: Apache-2.0
// mprotect(2) by a sibling thread: the store faults, and the handler of SIGSEGV keeps the thread there.
#include "lab/race/trap.hpp"

#include <cerrno>
#include <csignal>
#include <sched.h>
#include <sys/mman.h>
#include <system_error>

#include "lab/race/segment.hpp"

namespace heirlock::lab::race {
namespace {

constexpr std::size_t signal_stack_size = 65536; // ample for AVX-512 state
alignas(64) unsigned char signal_stack[signal_stack_size];

// What the handler needs; set before the trap exists. One trap for each process.
trap_board* board_of_handler = nullptr;
std::atomic<std::uintptr_t> trapped_page{0};
std::size_t trapped_size = 0;

// The page may hold errno, too: a failing library call in here would fault again, with SIGSEGV blocked,
// and end the process. sched_yield and the wake do not fail, and both are bound already.
void wait_in_handler(int, siginfo_t* info, void*) {
  const std::uintptr_t page = trapped_page.load(std::memory_order_acquire);
  if (page == 0 || reinterpret_cast<std::uintptr_t>(info->si_addr) - page >= trapped_size) {
    ::signal(SIGSEGV, SIG_DFL); // a fault that is not ours: let it end the process
    return;
  }
  trap_board& board = *board_of_handler;
  const std::uint32_t order = board.order.load(std::memory_order_acquire);
  // Let go in the meantime: the store is tried again.
  if (order % 2 == 0) return;
  announce(board.stalled, order);
  while (board.released.load(std::memory_order_acquire) < order + 1)
    ::sched_yield();
}

class protect_trap final : public trap {
 public:
  protect_trap(void* page, std::size_t size) : page_(page), size_(size) {
    trapped_size = size;
    trapped_page.store(reinterpret_cast<std::uintptr_t>(page), std::memory_order_release);
  }
  ~protect_trap() override {
    ::mprotect(page_, size_, PROT_READ | PROT_WRITE);
    trapped_page.store(0, std::memory_order_release);
  }
  void arm() override { protect(PROT_READ); }
  void watch(trap_board&, std::uint32_t) override {}
  void release() override { protect(PROT_READ | PROT_WRITE); }

 private:
  void protect(int access) const {
    if (::mprotect(page_, size_, access) != 0)
      throw std::system_error(errno, std::generic_category(), "mprotect(2)");
  }
  void* page_;
  std::size_t size_;
};

} // namespace

void expect_protect_trap(trap_board& board) {
  board_of_handler = &board;
  stack_t stack{};
  stack.ss_sp = signal_stack;
  stack.ss_size = signal_stack_size;
  struct sigaction action {};
  action.sa_sigaction = wait_in_handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigset_t fault;
  ::sigemptyset(&fault);
  ::sigaddset(&fault, SIGSEGV);
  if (::sigaltstack(&stack, nullptr) != 0 || ::sigaction(SIGSEGV, &action, nullptr) != 0 ||
      ::pthread_sigmask(SIG_UNBLOCK, &fault, nullptr) != 0)
    throw std::system_error(errno, std::generic_category(), "setting up a handler of SIGSEGV");
  // Bound now: the dynamic linker's lazy binding, too, stores to the page of the thread's control block.
  ::sched_yield();
  wake_all(board.stalled);
}

std::unique_ptr<trap> make_protect_trap(void* page, std::size_t size) {
  return std::make_unique<protect_trap>(page, size);
}

} // namespace heirlock::lab::race
