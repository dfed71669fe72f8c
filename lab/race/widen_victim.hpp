// SPDX-License-Identifier: Apache-2.0
// The victim of the widened race: a worker that uses locks and a sibling that springs the trap.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "lab/race/object.hpp"
#include "lab/race/trap.hpp"

namespace heirlock::lab::race {

// Shared by the victim and the killer, who is also the taker.
struct stage {
  static constexpr std::size_t ring_size = 64;
  trap_board board;
  alignas(64) std::atomic<std::uint32_t> ready; // the trap is made and the worker works
  std::atomic<std::int32_t> worker;             // its TID
  std::atomic<std::uint32_t> delay;             // random: when to arm next
  std::atomic<std::uint32_t> stop;              // asks the worker to rest
  alignas(64) std::atomic<std::uint32_t> at_rest;
  alignas(64) std::atomic<std::uint64_t> at; // the worker's round, which is also its mark
  std::array<char, 256> trouble;             // why the victim gave up
  // The worker comes back to an object after ring_size rounds. The killer takes one over only while the
  // worker stalls in its last unlock of it and will be killed there, so that really was the last use.
  std::array<object, ring_size> ring;

  object& of(std::uint64_t round) { return ring[round % ring_size]; }
};

void prepare_stage(stage& shared_stage, lock_kind kind);
// The exit status of a victim that gave up; otherwise it runs until it is killed.
int be_widened_victim(stage& shared_stage, widening way);

} // namespace heirlock::lab::race
