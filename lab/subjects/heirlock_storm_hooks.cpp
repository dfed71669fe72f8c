// SPDX-License-Identifier: Apache-2.0
// What heirlock adds to a storm: as many seats as threads, so that the seats of the dead are claimed while their
// mutexes still name them; detaching; the backstop's counters; and where in a queue a dead thread stood.
#include <errno.h>

#include "lab/subjects/builtin_tables.h"
#include "lab/subjects/heirlock_domain.hpp"
#include "src/core/domain.hpp"

namespace {

using namespace heirlock::core;
using heirlock::lab::open_subject_domain;
using heirlock::lab::subject_domain;

int prepare_rmw(uint32_t threads, uint32_t backstop_ms) {
  return open_subject_domain(HEIRLOCK_UNLOCK_RMW, threads, backstop_ms);
}
int prepare_asymmetric(uint32_t threads, uint32_t backstop_ms) {
  return open_subject_domain(HEIRLOCK_UNLOCK_ASYMMETRIC, threads, backstop_ms);
}

int leave_thread() {
  return heirlock_thread_detach(subject_domain());
}

int read_counters(heirlock_storm_counters* into) {
  heirlock_domain_info_t info = {};
  info.struct_size = sizeof info;
  if (const int error = heirlock_domain_inspect(subject_domain(), &info)) return error;
  *into = {info.rescued_wakes + info.rescued_deaths, info.stopped_predecessors};
  return 0;
}

// The last place that the seat took in a queue of that kind is still waiting: nobody else changes it before the seat
// is claimed again.
bool stands_in(seat& dead, queue_kind kind) {
  const std::uint32_t sequence =
      dead.sequence[static_cast<unsigned>(kind)].load(std::memory_order_relaxed);
  const std::uint32_t state = dead.places_in(kind).at(sequence).state.load();
  return state == with_sequence(place_state::waiting, sequence & sequence_mask);
}

const char* where_it_stood(pid_t thread) {
  heirlock_domain& domain = *subject_domain();
  for (std::uint32_t number = 1; number <= domain.seat_count; ++number) {
    seat& each = domain.seat_number(number);
    if (each.thread.load() != static_cast<std::uint32_t>(thread)) continue;
    if (stands_in(each, queue_kind::watchers_of_bell)) return "watching the owner";
    if (stands_in(each, queue_kind::waiters_of_mutex)) return "in the mutex's queue";
    return "in no queue";
  }
  return nullptr;
}

constexpr heirlock_storm_hooks hooks_with(int (*prepare)(uint32_t, uint32_t)) {
  return {HEIRLOCK_STORM_ABI, prepare, leave_thread, read_counters, where_it_stood};
}

constexpr heirlock_storm_hooks rmw_hooks = hooks_with(prepare_rmw);
constexpr heirlock_storm_hooks asymmetric_hooks = hooks_with(prepare_asymmetric);

} // namespace

const heirlock_storm_hooks* heirlock_own_storm(const heirlock_subject* builtin) {
  if (builtin == &heirlock_own_subjects[0]) return &rmw_hooks;
  if (builtin == &heirlock_own_subjects[1]) return &asymmetric_hooks;
  return nullptr;
}
