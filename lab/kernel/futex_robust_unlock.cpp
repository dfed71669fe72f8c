// SPDX-License-Identifier: Apache-2.0
// The kernel's half of Linux 7.2's robust unlock.
//
// Uncontended: a routine of the vDSO exchanges the owner's TID for 0 and then clears the pending operation, whose
// address is in rdx. Before the thread gets a signal, also the one that kills it, the kernel completes the clear:
//
//   R1. is the instruction pointer between the exchange and the end of the clear, in that routine?
//   R2. has the exchange succeeded (the zero flag says so)?      R3. then *rdx = 0
//
// Contended: futex(word, FUTEX_WAKE | FUTEX_ROBUST_UNLOCK, count, -, pending), one system call:
//
//   K1. word = 0    K2. *pending = 0    K3. wake
//
// A kernel knows where its vDSO is. Here the routine's own head says where its range begins and ends, and it is found
// by that head just before the instruction pointer.
#include <cerrno>
#include <cstdint>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "lab/kernel/policy.hpp"
#include "lab/protocols/futex_robust_unlock/abi.h"

namespace heirlock::lab::kernel {
namespace {

constexpr unsigned rdx = 2; // as the instruction encoding numbers it

// Whether the thread is between the exchange and the end of the clear (R1).
bool is_in_range(task& of) {
  const std::uint64_t ip = of.cpu.ip;
  const std::uint64_t aligned = ip - ip % HEIRLOCK_TRY_UNLOCK_ALIGNMENT;
  for (std::uint64_t back = 0; back <= HEIRLOCK_TRY_UNLOCK_LONGEST;
       back += HEIRLOCK_TRY_UNLOCK_ALIGNMENT) {
    const remote_address head = {aligned - back};
    const auto magic = of.memory.read64(head);
    if (!magic) return false;
    if (*magic != HEIRLOCK_TRY_UNLOCK_MAGIC) continue;
    const auto begin = of.memory.read32(head + HEIRLOCK_TRY_UNLOCK_BEGIN_OFFSET);
    const auto end = of.memory.read32(head + HEIRLOCK_TRY_UNLOCK_END_OFFSET);
    if (!begin || !end) return false;
    const std::uint64_t into = ip - head.value;
    return into >= *begin && into < *end;
  }
  return false;
}

// Where an unlock has the clear still to do.
std::optional<remote_address> clear_to_complete(task& of) {
  if (of.cpu.arch != architecture::x86)
    return std::nullopt; // the only one whose vDSO has the routine
  if (!is_in_range(of) || !store_conditional_succeeded(of.cpu)) return std::nullopt; // R1, R2
  return remote_address{of.cpu.general[rdx]};
}

void complete_unlock(task& of) {
  if (const auto pending = clear_to_complete(of)) of.memory.write64(*pending, 0); // R3
}

bool store(task_memory& memory, remote_address word, std::uint32_t value) {
  for (;;) {
    const auto seen = memory.read32(word);
    if (!seen) return false;
    switch (memory.compare_exchange32(word, *seen, value)) {
    case exchange_outcome::stored:
      return true;
    case exchange_outcome::fault:
      return false;
    case exchange_outcome::changed:
      break;
    }
  }
}

std::int64_t unlock_and_wake(task& caller, const system_call& call) {
  const remote_address word = {call.arguments[0]};
  const remote_address pending = {call.arguments[4]};
  if (!store(caller.memory, word, 0)) return -EFAULT;       // K1
  if (!caller.memory.write64(pending, 0)) return -EFAULT;   // K2
  if (call.arguments[2] != 0) caller.memory.wake_one(word); // K3
  return 0;
}

class robust_unlock_policy final : public policy {
 public:
  std::string_view name() const override { return "futex-robust-unlock"; }
  std::string_view summary() const override {
    return "Linux 7.2: the kernel knows the vDSO's try-unlock, and unlocks and wakes in one system "
           "call";
  }
  std::string_view proposal() const override { return name(); }
  void thread_exits(task& dying) const override {
    complete_unlock(dying);
    walk_robust_list(dying, {wake_rule::ownerless_or_bare, pending_treatment::normal, false});
  }
  std::vector<std::uint64_t> standing(task& of) const override {
    return {clear_to_complete(of).value_or(remote_address()).value};
  }
  void signal_arrives(task& interrupted) const override { complete_unlock(interrupted); }

  bool has_system_calls() const override { return true; }
  std::optional<std::int64_t> make_system_call(task& caller, const system_call& call,
                                               reverse_mapping&) const override {
    if (call.number != SYS_futex || (call.arguments[1] & FUTEX_ROBUST_UNLOCK) == 0)
      return std::nullopt;
    const auto rest = static_cast<int>(call.arguments[1]) & ~FUTEX_ROBUST_UNLOCK;
    // What else 7.2 accepts is not made here; a program is told what an older kernel tells.
    if (rest != FUTEX_WAKE || call.arguments[2] > 1) return -ENOSYS;
    return unlock_and_wake(caller, call);
  }
};

} // namespace

const policy& futex_robust_unlock() {
  static const robust_unlock_policy instance;
  return instance;
}

} // namespace heirlock::lab::kernel
