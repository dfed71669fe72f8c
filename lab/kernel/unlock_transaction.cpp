// SPDX-License-Identifier: Apache-2.0
#include "lab/kernel/unlock_transaction.hpp"

#include <cstddef>

#include "lab/protocols/rseq_rl_cs/rseq_rl_cs.h"

namespace heirlock::lab::kernel {
namespace {

std::optional<rseq_rl_cs> read_descriptor(task_memory& memory, remote_address from) {
  const auto version = memory.read32(from + offsetof(rseq_rl_cs, version));
  const auto flags = memory.read32(from + offsetof(rseq_rl_cs, flags));
  const auto post_cond_store = memory.read64(from + offsetof(rseq_rl_cs, post_cond_store_ip));
  const auto post_success = memory.read64(from + offsetof(rseq_rl_cs, post_success_ip));
  const auto post_clear = memory.read64(from + offsetof(rseq_rl_cs, post_clear_op_pending_ip));
  if (!version || !flags || !post_cond_store || !post_success || !post_clear) return std::nullopt;
  return rseq_rl_cs{*version, *flags, *post_cond_store, *post_success, *post_clear};
}

bool is_inside(const rseq_rl_cs& cs, const cpu_state& cpu) {
  if (cpu.ip >= cs.post_cond_store_ip && cpu.ip < cs.post_success_ip)
    return store_conditional_succeeded(cpu);
  return cpu.ip >= cs.post_success_ip && cpu.ip < cs.post_clear_op_pending_ip;
}

} // namespace

transaction_state find_transaction(task& of) {
  // A shorter area ends before the field: what lies there is somebody else's.
  if (!of.rseq_area || of.rseq_area_size < RSEQ_AREA_SIZE_WITH_RL_CS)
    return transaction_state::none;
  const auto field = of.memory.read64(*of.rseq_area + RSEQ_AREA_RSEQ_RL_CS_OFFSET);
  if (!field || *field == 0) return transaction_state::none;
  const auto descriptor = read_descriptor(of.memory, {*field});
  if (!descriptor) return transaction_state::unreadable;
  if (rseq_rl_cs_check(&*descriptor) != RSEQ_RL_CS_ACCEPTED) return transaction_state::refused;
  return is_inside(*descriptor, of.cpu) ? transaction_state::inside : transaction_state::outside;
}

std::optional<other_end> end_of_list(task& of) {
  if (!of.rseq_area || of.rseq_area_size < RSEQ_AREA_SIZE_WITH_RL_LAST) return std::nullopt;
  const auto last = of.memory.read64(*of.rseq_area + offsetof(rseq_area, rl_last));
  const auto offset = of.memory.read32(*of.rseq_area + offsetof(rseq_area, rl_back_offset));
  if (!last || !offset || *last == 0 || *offset == 0) return std::nullopt;
  return other_end{*last, static_cast<std::int32_t>(*offset)};
}

} // namespace heirlock::lab::kernel
