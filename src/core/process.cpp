// SPDX-License-Identifier: Apache-2.0
#include "src/core/process.hpp"

#include "src/core/claim_lock.hpp"
#include "src/core/domain.hpp"
#include "src/sys/file.hpp"
#include "src/sys/futex.hpp"
#include "src/sys/robust_word.hpp"

#include <atomic>
#include <cerrno>

extern "C" {
__thread heirlock::detail::thread_self heirlock_self HEIRLOCK_TLS_MODEL =
    heirlock::detail::without_a_seat;
}

namespace heirlock::core {
namespace {

//   free       anyone may take it by CAS
//   held       the holder stores free; nobody sleeps
//   contended  the holder stores free and wakes
enum lock_state : std::uint32_t { free, held, contended };
std::atomic<std::uint32_t> process_lock_word{free};

// What the witness says: wiped in any child, whatever made the child, until a thread of it has made the process its own.
enum witness_state : std::uint32_t { wiped, ours, in_the_making };
std::atomic<std::atomic<std::uint32_t>*> fork_witness{nullptr};
// How many forks lie between the process that the library was loaded in and this one, as far as they have been noticed.
std::atomic<std::uint32_t> generation{0};
bool handlers_installed = false;

// The list that links this thread's bells; a forked child finds the address in its copy.
__thread robust_list_head* list_of_bells HEIRLOCK_TLS_MODEL = nullptr;
// The generation in which this thread has its seat. That of the thread that forked is its parent's, and the seat too, even
// if another thread of the child was the first to notice.
__thread std::uint32_t thread_generation HEIRLOCK_TLS_MODEL = 0;

bool take(const sys::deadline* limit) noexcept {
  std::uint32_t expected = free;
  if (process_lock_word.compare_exchange_strong(expected, held, std::memory_order_acquire))
    return true;
  while (process_lock_word.exchange(contended, std::memory_order_acquire) != free) {
    sys::wait_set sleep;
    sleep.add(process_lock_word, contended);
    if (sleep.sleep(limit) == sys::wait_set::end::timed_out) return false;
  }
  return true;
}

void give() noexcept {
  if (process_lock_word.exchange(free, std::memory_order_release) == contended)
    sys::wake_all(process_lock_word);
}

void become_thread_of_child() noexcept {
  forget_seats();
  if (list_of_bells != nullptr) sys::restart_robust_list(*list_of_bells);
  list_of_bells = nullptr;
  thread_generation = generation.load(std::memory_order_relaxed);
}

void become_child() noexcept {
  process_lock_word.store(free, std::memory_order_relaxed);
  for (attached_domain& domain : domains) {
    domain.process = 0;
    domain.liveness_pin = nullptr; // the mapping is not inherited
    close_inherited_locks(domain);
  }
  generation.fetch_add(1, std::memory_order_relaxed);
  if (auto* witness = fork_witness.load(std::memory_order_relaxed)) {
    witness->store(ours, std::memory_order_release);
    sys::wake_all(*witness);
  }
}

void before_fork() noexcept {
  take(nullptr);
}
void after_fork_in_parent() noexcept {
  give();
}
void after_fork_in_child() noexcept {
  become_child();
  become_thread_of_child();
}

} // namespace

process_lock::process_lock(const sys::deadline* limit) noexcept : held_(take(limit)) {}

process_lock::~process_lock() {
  if (held_) give();
}

int prepare_for_forks() noexcept {
  if (fork_witness.load(std::memory_order_relaxed) == nullptr) {
    auto* page = static_cast<std::atomic<std::uint32_t>*>(sys::map_wiped_on_fork());
    if (page == nullptr) return errno;
    page->store(ours, std::memory_order_relaxed);
    fork_witness.store(page, std::memory_order_release);
  }
  if (!handlers_installed) {
    if (const int error = sys::at_fork(before_fork, after_fork_in_parent, after_fork_in_child))
      return error;
    handlers_installed = true;
  }
  return 0;
}

void notice_fork() noexcept {
  auto* witness = fork_witness.load(std::memory_order_acquire);
  if (witness == nullptr) return;
  std::uint32_t seen = witness->load(std::memory_order_acquire);
  if (seen == wiped &&
      witness->compare_exchange_strong(seen, in_the_making, std::memory_order_acquire)) {
    become_child();
    seen = ours;
  }
  for (; seen == in_the_making; seen = witness->load(std::memory_order_acquire)) {
    sys::wait_set sleep;
    sleep.add(*witness, in_the_making);
    sleep.sleep(nullptr);
  }
  if (thread_generation != generation.load(std::memory_order_relaxed)) become_thread_of_child();
}

void remember_robust_list() noexcept {
  if (list_of_bells == nullptr) list_of_bells = sys::robust_list_of_thread();
}

void forget_seats() noexcept {
  heirlock_self = detail::without_a_seat;
}

} // namespace heirlock::core
